"""Zhang et al. 2021 as declared: settings and numbers as published; its figures and scores from made-up results."""

import dataclasses
import types

import keras
import numpy as np
import pytest

import models
from experiments import papers
from experiments.evaluation.measures import Attacks, HumanDistance, SnapshotEnsembles, TopAccuracy
from experiments.evaluation.resolvers import CleanExamples, NumTrainingExamples, ShiftsAndFlips
from experiments.experiment import Noise
from experiments.papers import laptop
from experiments.papers.drawing import draw
from experiments.papers.online_label_smoothing import figures, findings, methods, published, settings, studies
from experiments.sources import InMemory
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

# Errors of the paper, copied a second time: experiment, most probable class.
TOP_1 = """
table2/cifar100-resnet34/none/CE 20.62±0.21
table2/cifar100-resnext29_2x64d/none/OLS 18.81±0.45
table2/cifar100-resnet101_small/none/LS 20.12±0.02
table3/cifar100-resnet56/none/OLS 25.27
table4/imagenet2012-resnet50/none/OLS 22.28
table4/imagenet2012-resnet101/none/LS 21.27
table6/cub-resnet50/none/CE 19.19±0.22
table6/flowers-mobilenet_v2/none/LS 8.06±0.35
table6/aircraft-efficientnet_b7/none/OLS 8.83±0.19
table7/cifar100-resnet56/none/CE 26.81±0.36
table7/cifar100-resnet56/symmetric_other40/LS 43.99±1.04
table7/cifar100-resnet56/symmetric_other80/OLS 78.22±1.01
table8/cifar10-resnet29/none/OLS 6.46
table11/cifar100-resnet74/none/CE 25.86±0.19
table11/cifar100-resnet110/none/OLS 23.86±0.27
variants/cifar100-resnet56/none/OLS-single 26.18±0.30
"""


@pytest.mark.parametrize("line", TOP_1.strip().splitlines())
def test_published_accuracies(line):
    name, cell = line.split()
    error, *spread = map(float, cell.split("±"))
    assert papers.find(f"OLS/{name}").published == (pytest.approx(100 - error), spread[0] if spread else None)


# Other scores, as the paper prints them; of accuracies the errors.
OTHERS = {
    ("table3/cifar100-resnet56/none/OLS", "ensembles/20"): 23.91,
    ("table3/cifar100-resnet56/none/CE", "ensembles/6"): 26.07,
    ("table4/imagenet2012-resnet101/none/OLS", "test_top5_accuracy"): 5.50,
    ("table4/imagenet2012-resnet50/none/LS", "fgsm_accuracy"): 74.44,
    ("table4/imagenet2012-resnet50/none/OLS", "pgd_top5_accuracy"): 22.14,
    ("table6/cars-resnet50/none/OLS", "test_top5_accuracy"): 0.92,
    ("table8/cifar10-resnet29/none/OLS", "fgsm_accuracy"): 60.39,
    ("table8/cifar10-resnet29/none/LS", "pgd_accuracy"): 87.32,
}


def test_published_scores():
    for (name, key), error in OTHERS.items():
        assert findings.PUBLISHED[f"OLS/{name}"][key][0] == pytest.approx(100 - error)
    assert findings.PUBLISHED["OLS/table8/cifar10-resnet29/none/LS"]["human_divergence"] == (0.1866, None)
    assert findings.PUBLISHED["OLS/table7/cifar100-resnet56/none/OLS"]["test_ece_15_bins"] == (2.85, 1.44)
    assert findings.PUBLISHED["OLS/table11/cifar100-resnet74/none/OLS"]["test_ece_15_bins"] == (1.81, 0.85)


def test_published_scores_are_of_declared_experiments_that_measure_them():
    measured = {"ensembles": SnapshotEnsembles, "test_top5": TopAccuracy, "human": HumanDistance}
    measured |= {"fgsm": Attacks, "pgd": Attacks}
    for name, by_key in findings.PUBLISHED.items():
        kinds = [type(one) for one in papers.find(name).measures]
        for key in by_key:
            assert all(kind in kinds for start, kind in measured.items() if key.startswith(start)), (name, key)


def test_cifar_settings_as_published():
    experiment = papers.find("OLS/table7/cifar100-resnet56/symmetric_other40/OLS")
    assert (experiment.epochs, experiment.batch_size, experiment.augmentation) == (300, 128, pipeline.CropAndFlip(4))
    assert experiment.method.arguments == {"alpha": 0.5}
    assert experiment.noise == Noise("symmetric_other", 0.4, exact=True)
    optimizer = experiment.build_optimizer()
    assert (optimizer.momentum, optimizer.nesterov, optimizer.weight_decay) == (0.9, True, 5e-3)
    steps = -(-int(50_000 * (1 - experiment.source.share)) // 128)
    rates = [float(optimizer._learning_rate(e * steps + shift)) for e in (150, 225) for shift in (-1, 1)]
    np.testing.assert_allclose([float(optimizer._learning_rate(0)), *rates], [0.1, 0.1, 0.01, 0.01, 0.001])


def test_large_images_as_published():
    imagenet = papers.find("OLS/table4/imagenet2012-resnet50/none/CE")
    assert (imagenet.epochs, imagenet.batch_size, imagenet.model) == (250, 256, "resnet50_untrained")
    schedule = imagenet.build_optimizer()._learning_rate
    epoch = (1_281_167 - round(1_281_167 / 100)) // 256
    rates = [float(schedule(e * epoch + 1)) for e in (0, 75, 150, 225)]
    np.testing.assert_allclose(rates, [0.1, 0.01, 0.001, 1e-4])
    for label, train in {"cub": 5994, "cars": 8144, "aircraft": 6667}.items():
        assert published.TABLE_5["train"][label] == (train, None)
        fine = papers.find(f"OLS/table6/{label}-resnet50/none/OLS")
        schedule = fine.build_optimizer()._learning_rate
        epoch = (train - round(train / 50)) // 64
        rates = [float(schedule(e * epoch + shift)) for e in (45, 80) for shift in (-1, 1)]
        np.testing.assert_allclose(rates, [0.01, 0.001, 0.001, 1e-4])
        assert (fine.epochs, fine.batch_size, fine.source.image_size) == (100, 64, 224)


def test_grids_of_figure_7():
    for label in ("cifar100-resnet29", "laptop-digits", "laptop-fashion_mnist"):
        alphas = [e.method.arguments["alpha"] for e in papers.under(f"OLS/figure7a/{label}")]
        np.testing.assert_allclose(alphas, np.linspace(0, 1, 11))
    steps = [e.method.arguments.get("update_period") for e in papers.under("OLS/figure7b/cifar100-resnet29")]
    assert steps == [None, 12, 24, 48, 96, 192, 384, 768, 1536, 3072]
    digits, epoch = datasets.load("digits"), studies.steps_per_epoch("laptop-digits")
    assert epoch == -(-len(digits.train) // papers.find("OLS/figure7b/laptop-digits/none/OLS").batch_size)
    assert studies.periods("laptop-digits") == (1, 3, 5, 10, 21, 42, 84, 168)  # 384 steps there are 21 here


def test_every_wrong_label_is_another_class():
    data, rate = datasets.load("digits"), 0.8
    noisy = Noise("symmetric_other", rate, exact=True).apply(data, 0)
    assert noisy.train.mislabelled.mean() == pytest.approx(rate, abs=0.005)  # symmetric noise would have 0.72
    counts = np.bincount(noisy.train.observed[noisy.train.mislabelled], minlength=10)
    assert counts.min() > 0.7 * counts.max()


def test_a_smaller_share_is_held_out():
    source = InMemory(share=0.02)
    data, whole = source.load("digits", None), datasets.load("digits", validation_share=0)
    assert len(data.validation) == round(0.02 * len(whole.train))
    assert len(data.train) + len(data.validation) == len(whole.train)
    settings = papers.find("OLS/table2/cifar100-resnet34/none/CE").settings()
    assert settings["source"] == {"share": 0.02}


KEYS = ("test_accuracy", "train_accuracy_observed", "train_accuracy_mislabelled")


def result(name, seed=0, accuracy=0.5, arguments=None, **scores):
    clean = {"kind": "none", "rate": 0.0, "exact": False}
    settings = {"name": name, "seed": seed, "noise": clean, "method": {"arguments": arguments or {}}}
    curves = {"epoch": [1, 2]} | {key: [accuracy / (i + 1)] * 2 for i, key in enumerate(KEYS)}
    return {"settings": settings, "scores": {"test_accuracy": accuracy, "train": {}, **scores}, "curves": curves}


@pytest.fixture
def finished(monkeypatch):
    """A list that stands for the finished runs of every folder."""
    runs = []
    monkeypatch.setattr(figures.results, "load", lambda workdir: dict(enumerate(runs)))
    return runs


def test_figures_4_and_5_take_one_seed_of_table_7(finished):
    for rate in (20, 40, 60):
        for method in ("CE", "OLS"):
            name = f"OLS/table7/laptop-digits/symmetric_other{rate}/{method}"
            finished += [result(name, 0, rate / 100), result(name, 1, 0.9)]
    finished.append(result("OLS/table7/laptop-fashion_mnist/symmetric_other20/CE", 0, 0.1))
    figure = figures.errors("w", "laptop-digits", ["CE", "OLS"], 0, (20, 40, 60))
    assert [axes.get_title() for axes in figure.axes[:3]] == ["20% noise", "40% noise", "60% noise"]
    drawn = [[line.get_ydata()[0] for line in axes.lines] for axes in figure.axes]
    test_errors = [0.8, 0.6, 0.4]
    train_errors = [0.9, 0.8, 0.7]
    np.testing.assert_allclose(drawn, np.repeat([*train_errors, *test_errors], 2).reshape(6, 2))
    five = figures.errors("w", "laptop-digits", ["OLS"], 0, (40,), keys=("train_accuracy_mislabelled",))
    np.testing.assert_allclose(five.axes[0].lines[0].get_ydata(), 1 - 0.4 / 3)
    message = r"(?s)No finished run of OLS/table7/laptop-digits/symmetric_other20/LS with seed 0 in w\..*--seeds=0 --w"
    with pytest.raises(FileNotFoundError, match=message):
        figures.errors("w", "laptop-digits", ["CE", "LS"], 0, (20,))


def test_figure_7_takes_all_seeds(finished):
    under = "OLS/figure7a/laptop-digits/none"
    finished += [result(f"{under}/OLS-alpha0.5", seed, a, {"alpha": 0.5}) for seed, a in ((0, 0.7), (1, 0.9))]
    finished += [result(f"{under}/OLS-alpha1.0", 0, 0.6, {"alpha": 1.0})]
    line = figures.by_alpha("w", "laptop-digits").axes[0].lines[0]
    np.testing.assert_allclose(line.get_xydata(), [[0.5, 20], [1.0, 40]])
    with pytest.raises(FileNotFoundError, match="No finished run of OLS/figure7b/laptop-digits/none with"):
        figures.by_period("w", "laptop-digits")
    under = "OLS/figure7b/laptop-digits/none"
    finished += [result(f"{under}/OLS", 0, 0.9, {"alpha": 0.5})]
    finished += [result(f"{under}/OLS-period42", 0, 0.8, {"update_period": 42})]
    line = figures.by_period("w", "laptop-digits").axes[0].lines[0]
    np.testing.assert_allclose(line.get_xydata(), [[21, 10], [42, 20]])


def test_scores_beside_the_papers():
    name = "OLS/table3/cifar100-resnet56/none/OLS"
    runs = [result(name, seed, ensembles={"6": a, "20": a + 0.02}) for seed, a in ((0, 0.75), (1, 0.77))]
    runs += [result("OLS/table7/laptop-digits/none/CE", test_ece_15_bins=0.025), result("LS/x/y", test_ece_15_bins=0.1)]
    runs += [result("OLS/figure7a/laptop-digits/none/OLS-alpha0.5", test_ece_15_bins=0.1)]
    assert findings.rows(runs) == [
        ["experiment", "score", "paper", "ours", "seeds"],
        [name, "6 models", "75.48", "76 ± 1.4", "2"],
        [name, "20 models", "76.09", "78 ± 1.4", "2"],
        ["OLS/table7/laptop-digits/none/CE", "calibration error", "–", "2.5", "1"],
    ]


def test_numbers_in_percent_are_accuracies():
    assert published.TABLE_7["60"]["OLS"] == (49.96, 0.14)
    assert published.TABLE_4["resnet50"]["top5"]["Tf-KD"] is None


@pytest.mark.parametrize("label", laptop.LAPTOP)
def test_laptop_variants_have_the_rows_of_the_tables(label):
    for table, rows in (("table3", published.TABLE_3["1"]), ("table8", published.TABLE_8["clean"])):
        assert {e.method.label for e in papers.under(f"OLS/{table}/{label}")} == rows.keys()
    for rate, rows in published.TABLE_7.items():
        found = papers.under(f"OLS/table7/{label}/{settings.NOISES[int(rate)].name}")
        assert {e.method.label for e in found} == rows.keys()


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


def test_figures_without_runs_do_not_stop_the_others(finished, tmp_path):
    finished += [result("OLS/figure7a/laptop-digits/none/OLS-alpha0.5", 0, 0.7, {"alpha": 0.5})]
    args = types.SimpleNamespace(figures=["7b", "7a"], workdir=tmp_path, label="laptop-digits")
    with pytest.raises(SystemExit, match=r"^Figure 7b: No finished run of OLS/figure7b/laptop-digits/none"):
        draw(figures._FIGURES, args, "OLS")
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.png")] == [
        "OLS/figure7a/laptop-digits.png"
    ]


def test_clean_batches_and_weight_networks_follow_the_seed_of_a_run():
    seed = papers.find("OLS/table7/laptop-digits/none/Meta-Weight-Net").method.training["seed"]

    def drawn(run_seed):
        keras.utils.set_random_seed(run_seed)
        return seed(None, None)

    assert drawn(0) == drawn(0) != drawn(1)
