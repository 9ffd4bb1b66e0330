"""Methods beside which Zhang et al. 2021 put theirs: arguments, classifiers, what is resolved when a run starts."""

import dataclasses

import keras
import numpy as np
import pytest

import models
from experiments import papers
from experiments.evaluation.resolvers import CleanExamples, NumTrainingExamples, ShiftsAndFlips
from experiments.experiment import Noise
from experiments.papers.online_label_smoothing import methods
from tfp_noise import (
    DepthDistillation,
    DistortionDistillation,
    DynamicBootstrap,
    LearningToReweight,
    MetaWeightNet,
    datasets,
    losses,
    pipeline,
)


def test_baselines_have_their_authors_values():
    def arguments(name):
        return papers.find(f"OLS/{name}").method.arguments

    assert arguments("table2/cifar100-resnet34/none/Bootsoft") == {"beta": 0.95}
    assert arguments("table7/cifar100-resnet56/none/Boothard") == {"beta": 0.8, "hard": True}
    assert arguments("table7/cifar100-resnet56/symmetric_other20/SCE") == {"alpha": 6.0, "beta": 0.1}
    for ten in ("table8/cifar10-resnet29/none", "table7/laptop-digits/symmetric_other20"):
        assert arguments(f"{ten}/SCE") == {"alpha": 0.1, "beta": 1.0}
    assert arguments("table4/imagenet2012-resnet50/none/Disturb") == {"rate": 0.1}
    single = {"alpha": 0.5, "per_sample": True, "update_period": 1, "unseen": "kept"}
    assert arguments("variants/laptop-digits/symmetric_other40/OLS-single") == single


def test_tf_kd_learns_from_a_virtual_teacher_or_from_the_run_of_cross_entropy():
    virtual, itself = (papers.find(f"OLS/table4/imagenet2012-resnet50/none/{row}") for row in ("Tf-KD", "Tf-KD-self"))
    assert (virtual.published, virtual.predecessor) == ((76.42, None), None)
    assert itself.published == (76.41, None)
    assert itself.predecessor == papers.find("OLS/table4/imagenet2012-resnet50/none/CE")
    assert itself.method.distillation == {"temperature": 20.0, "label_weight": 0.9}


def test_methods_that_train_otherwise():
    """Two views of class probabilities only, four depths without features, and a warm-up of 105 of 300 epochs."""
    views = papers.find("OLS/table2/cifar100-resnet34/none/Xu")
    assert (views.method.classifier, views.augmentation) == (DistortionDistillation, None)
    assert views.method.training == {"distortion": ShiftsAndFlips(4), "weight": 1.0, "temperature": 3.0}
    settings = views.settings()["method"]
    assert settings["classifier"] == "DistortionDistillation"
    assert settings["training"]["distortion"] == "ShiftsAndFlips(pad=4, flip=True)"
    depths = papers.find("OLS/table4/imagenet2012-resnet50/none/BYOT-OLS").method
    assert (depths.classifier, depths.loss, depths.arguments) == (
        DepthDistillation,
        losses.OnlineLabelSmoothing,
        {"alpha": 0.5},
    )
    assert (len(depths.training["stages"]), depths.training["hint_weight"]) == (3, 0.0)
    for label, epochs in {"cifar100-resnet56": 105, "laptop-digits": 35}.items():
        arazo = papers.find(f"OLS/table7/{label}/symmetric_other40/Arazo")
        assert (arazo.method.classifier, arazo.method.training["warm_up"]) == (DynamicBootstrap, epochs)
    for label, phases in {"cifar100-resnet56": (66, 122), "laptop-digits": (22, 41)}.items():
        pencil = papers.find(f"OLS/table7/{label}/symmetric_other40/PENCIL").method
        assert (pencil.arguments["backbone_epochs"], pencil.arguments["joint_epochs"]) == phases
        assert pencil.arguments["num_examples"] == NumTrainingExamples()
    for label, count in {"cifar100-resnet56": 1000, "laptop-digits": 100}.items():
        for row, classifier in {"Ren": LearningToReweight, "Meta-Weight-Net": MetaWeightNet}.items():
            told = papers.find(f"OLS/table7/{label}/symmetric_other40/{row}").method
            assert (told.classifier, told.training["clean"]) == (classifier, CleanExamples(count))
    settings = papers.find("OLS/table7/laptop-digits/none/Ren").settings()["method"]
    assert settings["training"] == {
        **{"clean": "CleanExamples(count=100)", "clean_batch_size": 100},
        "seed": "DrawnSeed()",
    }
    plain = papers.find("OLS/table2/cifar100-resnet34/none/CE").settings()["method"]
    assert plain.keys() == {"label", "loss", "arguments"}


@pytest.mark.parametrize("label", ["Xu", "Arazo", "Ren", "Meta-Weight-Net", "PENCIL"])
def test_methods_that_train_otherwise_build_their_classifier(label):
    table = "table2/cifar100-resnet34/none" if label == "Xu" else "table7/laptop-digits/none"
    method, data = papers.find(f"OLS/{table}/{label}").method, datasets.load("digits")
    loss = method.build_loss(data, None)
    model = method.build_classifier(models.build("digits_cnn", data.input_shape, loss.num_outputs), loss, data, None)
    assert type(model) is method.classifier


def test_clean_examples_are_validation_examples_with_true_labels():
    whole = datasets.load("digits")
    noisy = Noise("symmetric_other", 0.8, exact=True).apply(whole, 0)
    x, y = CleanExamples(100)(noisy, None)
    np.testing.assert_array_equal(x, whole.validation.inputs[:100])
    np.testing.assert_array_equal(y, whole.validation.labels[:100])
    assert (noisy.validation.observed[:100] != y).sum() > 60
    nobody_knows = dataclasses.replace(noisy.validation, labels=None)
    with pytest.raises(ValueError, match="`validation` must have true labels"):
        CleanExamples(100)(dataclasses.replace(noisy, validation=nobody_knows), None)
    with pytest.raises(ValueError, match=r"number of validation examples. Received: 1000, and 'digits' with 144 val"):
        CleanExamples(1000)(noisy, None)
    with pytest.raises(ValueError, match="`count` must be at least 1"):
        CleanExamples(0)


def test_shifts_move_images_by_whole_pixels_and_draw_each_anew():
    data = datasets.load("digits")
    images = np.zeros([40, 8, 8, 1], "float32")
    images[:, 4, 4] = 1
    moved = np.asarray(ShiftsAndFlips(2, flip=False)(data, None)(images, training=True))[..., 0]
    assert set(np.unique(moved)) <= {0, 1}
    places = np.argwhere(moved)[:, 1:]
    assert len(places) == 40
    assert np.abs(places - 4).max() == 2
    assert len({tuple(place) for place in places}) > 10


@pytest.mark.torture
@pytest.mark.parametrize("network", methods.STAGES)
def test_networks_have_the_stages_that_methods_name(network):
    name = f"{network}_untrained" if network == "resnet50" else network
    layers = {layer.name for layer in models.build(name, (32, 32, 3), 10).layers}
    assert layers >= set(methods.STAGES[network])


@pytest.mark.parametrize(("network", "temperature"), [("resnet50", 6.0), ("mobilenet_v2", 40.0)])
@pytest.mark.parametrize(("label", "classes"), [("cub", 200), ("flowers", 102), ("cars", 196), ("aircraft", 90)])
def test_tf_kd_as_in_the_authors_code(network, temperature, label, classes):
    """0.05 CE + 0.95 KL / K, by SGD at 0.01 with an L2 gradient of 1e-4 that is not part of the loss."""
    plain, code = (papers.find(f"OLS/table6/{label}-{network}/none/{row}") for row in ("Tf-KD", "Tf-KD-code"))
    arguments = code.method.arguments
    optimizers = [one.build_optimizer() for one in (plain, code)]
    rates = [float(one._learning_rate(0)) for one in optimizers]
    factor = rates[1] / rates[0]
    assert factor * (1 - arguments["alpha"]) == pytest.approx(0.05)
    assert factor * arguments["alpha"] == pytest.approx(0.95 / classes)
    shrinkage = [rate * one.weight_decay for rate, one in zip(rates, optimizers, strict=True)]
    assert shrinkage == pytest.approx([1e-5, 1e-5])
    assert (arguments["temperature"], arguments["variant"]) == (temperature, "code")
    assert plain.method.arguments == {"alpha": 0.1, "temperature": 20.0, "correct_probability": 0.99}
    assert code.published == plain.published


def test_cutout_follows_the_crops():
    cut = papers.find("OLS/table4/imagenet2012-resnet101/none/OLS-Cutout")
    assert cut.augmentation.steps == (pipeline.CropAndFlip(pad=0, size=224), pipeline.Cutout(0.5))
    assert cut.method.arguments == {"alpha": 0.5}
    assert cut.published == (79.75, None)


def test_clean_batches_and_weight_networks_follow_the_seed_of_a_run():
    seed = papers.find("OLS/table7/laptop-digits/none/Meta-Weight-Net").method.training["seed"]

    def drawn(run_seed):
        keras.utils.set_random_seed(run_seed)
        return seed(None, None)

    assert drawn(0) == drawn(0) != drawn(1)
