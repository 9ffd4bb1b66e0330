"""The experiments of paper LLS as declared: settings and numbers as published, and who learns from whom."""

import dataclasses
import math
import zlib

import keras
import pytest

import models
from experiments import papers, sources
from experiments.evaluation.resolvers import SubstituteTeacher
from experiments.experiment import Noise
from experiments.papers.learnable_label_smoothing import methods, published, settings, tables
from tfp_noise import losses, pipeline


def find(name):
    return papers.find(f"LLS/{name}")


def rate(experiment, step):
    return float(experiment.build_optimizer()._learning_rate(step))


def test_numbers_are_those_that_were_compared_with_the_paper():
    """When this was taken, each row of Tables 1 to 8 was found, cell for cell, in the paper's text."""
    printed = {
        table: {column: {row: cell for row, cell in cells.items() if cell} for column, cells in columns.items()}
        for table, columns in published.TABLES.items()
    }
    assert sum(len(cells) for columns in printed.values() for cells in columns.values()) == 227
    assert zlib.crc32(repr(printed).encode()) == 1526702706


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("table2/tiny_imagenet-resnet101_small/none/FLSD-53", (62.96, None)),
        ("table2/cifar100-resnet18/none/TF-KD-reg", (77.36, None)),
        ("table1/caltech_birds2011-resnet101/none/LLS", (83.48, None)),
        ("table1/oxford_flowers102-mobilenet_v2/none/OLS", (92.73, None)),
        ("table2/cifar100-resnet18/none/LLS", (79.69, None)),
        ("table2/tiny_imagenet-resnet50_small/none/TF-KD-self", (68.18, None)),
        ("table3/cifar10-alexnet/none/LLS", (80.88, 0.04)),
        ("table3/svhn_cropped-lenet5/none/OLS", (89.19, 0.43)),
        ("table3/imagenet100-resnet50_untrained/none/LS", (84.58, None)),
        ("table3/imagenet100-resnet18_untrained/none/TF-KD-reg", (82.44, None)),
        ("table4/tiny_imagenet-resnet50_small/none/reverse-KL", (14.40, None)),
        ("table5/imagenet100-resnet50_untrained-resnet18_untrained/none/LLS-teacher", (83.62, None)),
        ("table6/imagenet100-resnet18_untrained/none/LS", (78.62, None)),
        ("table7/imagenet100-resnet18_untrained/none/LLS-ST", (78.20, None)),
        ("table8/imagenet100-resnet18_untrained/none/RA", (82.88, None)),
        ("table5/tiny_imagenet-resnet101_small-resnet18/none/LLS-teacher", (66.11, None)),
        ("table5/caltech_birds2011-resnet101-mobilenet_v2/none/LLS-ST", (79.62, None)),
        ("table6/fashion_mnist-resnet18/none/LLS-ST", (87.56, None)),
        ("table7/cifar100-resnet18/none/LLS", (83.66, None)),
        ("table7/laptop-digits/none/LLS-ST", None),
        ("figure7/cifar100-resnet18/none/LLS0.3", None),
    ],
)
def test_published_numbers_stand_beside_the_experiments(name, expected):
    assert find(name).published == expected


def test_columns_are_left_out_where_no_network_has_the_weights():
    for table, columns in published.TABLES.items():
        for dataset, *networks in columns:
            is_left_out = (dataset, *networks) in published.LEFT_OUT.get(table, {})
            assert is_left_out != all(settings.model(dataset, network) for network in networks)
            assert not is_left_out or networks == ["R18"]


def test_a_row_that_the_paper_does_not_have_is_declared_without_a_number():
    """A cell that the paper leaves empty is not."""
    numbers = {"CE": (80.0, None), "LS": None}
    found = list(tables._column("table1", ("caltech_birds2011", "R50"), numbers))
    assert [e.method.label for e in found] == [row.label for row in methods.ROWS if row.label != "LS"]
    assert [e.published for e in found] == [(80.0, None)] + [None] * (len(found) - 1)


@pytest.mark.parametrize(
    ("name", "epochs", "batch_size", "warm_up", "decays", "rates"),
    [
        # name, epochs, batch, warm-up and decays in epochs, the learning rates between (appendix I)
        ("table2/cifar100-resnet34/none/LLS", 300, 128, 10, (150, 225), (0.1, 0.01, 0.001)),
        ("table3/fashion_mnist-alexnet/none/LLS", 200, 128, 5, (100, 150), (0.1, 0.01, 0.001)),
        ("table3/svhn_cropped-lenet5/none/LLS", 200, 128, 5, (100, 150), (0.1, 0.01, 0.001)),
        ("table2/tiny_imagenet-resnet18/none/LLS", 100, 64, 5, (40, 60), (0.1, 0.01, 0.001)),
        ("table3/animals10n-resnet18/none/LLS", 100, 64, 5, (40, 60), (0.1, 0.01, 0.001)),
        ("table3/imagenet100-resnet50_untrained/none/LLS", 90, 64, 5, (30, 60, 80), (0.1, 0.01, 0.001, 0.0001)),
        ("table6/imagenet100-resnet18_untrained/none/LLS", 90, 64, 5, (30, 60, 80), (0.1, 0.01, 0.001, 0.0001)),
        ("table7/imagenet100-resnet18_untrained/none/LLS", 90, 64, 5, (30, 60, 80), (0.1, 0.01, 0.001, 0.0001)),
        ("table1/caltech_birds2011-resnet50/none/LLS", 100, 64, 5, (45, 80), (0.01, 0.001, 0.0001)),
        ("table1/oxford_flowers102-resnet50/none/LLS", 100, 64, 5, (45, 80), (0.01, 0.001, 0.0001)),
        ("table6/cifar100-resnet18/none/LLS", 300, 128, 10, (150, 225), (0.1, 0.01, 0.001)),
        ("table7/tiny_imagenet-resnet18/none/LLS", 100, 64, 5, (40, 60), (0.1, 0.01, 0.001)),
    ],
)
def test_schedules_as_published(name, epochs, batch_size, warm_up, decays, rates):
    experiment = find(name)
    # Training images (of imagenet100 as many as its 100 classes have at most) less what is held out.
    images = {"cifar100": 50_000, "fashion_mnist": 60_000, "svhn_cropped": 73_257, "tiny_imagenet": 100_000}
    images |= {"animals10n": 50_000, "imagenet100": 130_000, "caltech_birds2011": 5_994, "oxford_flowers102": 2_040}
    kept = images[experiment.dataset] * (0.99 if experiment.dataset == "imagenet100" else 0.9)
    streamed = isinstance(experiment.source, sources.Stream)
    kept /= 2 if name.startswith(("table6", "table7")) else 1
    steps = math.floor(kept / batch_size) if streamed else math.ceil(kept / batch_size)
    assert (experiment.epochs, experiment.batch_size) == (epochs, batch_size)
    assert rate(experiment, 0) == pytest.approx(rates[0] / (warm_up * steps))
    assert rate(experiment, warm_up * steps // 2 - 1) == pytest.approx(rates[0] / 2, rel=1e-3)
    assert rate(experiment, warm_up * steps - 1) == pytest.approx(rates[0])
    for epoch, before, after in zip(decays, rates, rates[1:], strict=False):
        assert rate(experiment, epoch * steps) == pytest.approx(before)
        assert rate(experiment, epoch * steps + 1) == pytest.approx(after)


@pytest.mark.parametrize(
    ("dataset", "decay", "augmentation"),
    [
        ("cifar100", 5e-3, pipeline.CropAndFlip(pad=4)),
        ("cifar10", 5e-3, pipeline.CropAndFlip(pad=4)),
        ("fashion_mnist", 1e-3, pipeline.CropAndFlip(pad=2, flip=False)),
        ("svhn_cropped", 1e-3, None),
        ("tiny_imagenet", 1e-3, pipeline.CropAndFlip(pad=4)),
        ("animals10n", 1e-3, pipeline.CropAndFlip(pad=4)),
        ("imagenet100", 1e-3, pipeline.CropAndFlip(pad=0, size=224)),
        ("caltech_birds2011", 1e-3, pipeline.CropAndFlip(pad=0, size=224)),
        ("oxford_flowers102", 1e-3, pipeline.CropAndFlip(pad=0, size=224)),
    ],
)
def test_optimizers_and_augmentation_as_published(dataset, decay, augmentation):
    """Weight decay ten times the paper's, for Keras's bypasses the momentum of 0.9."""
    found = [e for e in papers.under("LLS") if e.dataset == dataset and not e.name.split("/")[2].startswith("laptop")]
    assert found
    for experiment in found:
        optimizer = experiment.build_optimizer()
        assert isinstance(optimizer, keras.optimizers.SGD)
        assert (optimizer.momentum, optimizer.nesterov) == (0.9, False)
        assert optimizer.weight_decay == pytest.approx(decay)
        if not experiment.name.startswith("LLS/table8"):
            assert experiment.augmentation == augmentation
        assert experiment.noise == Noise("none")


# Table 4: forward and reverse cross-entropy, entropy of predictions and of targets; copied a second time.
TABLE_4 = """
no-FCE 0111
no-RCE 1011
no-pred-EM 1101
no-targets-EM 1110
FCE-only 1000
symmetric-CE 1100
forward-KL 1001
reverse-KL 0110
LLS 1111
"""


def test_terms_of_table_4():
    terms = ("forward_cross_entropy", "reverse_cross_entropy", "prediction_entropy", "target_entropy")
    for setting in ("tiny_imagenet-resnet18", "caltech_birds2011-resnet50", "laptop-digits", "laptop-fashion_mnist"):
        rows = papers.under(f"LLS/table4/{setting}")
        assert sorted(row.method.label for row in rows) == sorted(
            line.split()[0] for line in TABLE_4.split("\n") if line
        )
        for line in TABLE_4.strip().splitlines():
            label, marks = line.split()
            (row,) = (row for row in rows if row.method.label == label)
            assert set(row.method.arguments["terms"]) == {
                t for t, mark in zip(terms, marks, strict=True) if mark == "1"
            }
            assert row.method.arguments["alpha"] == 0.1


def test_rows_of_table_8():
    """Cutout's half side, and what mixes examples by Beta(1, 1); after the crops of the data set."""
    crop = pipeline.CropAndFlip(pad=4)
    added = {"Co": pipeline.Cutout(0.5), "Mx": pipeline.Mixup(1.0), "Cx": pipeline.CutMix(1.0)}
    for setting, augmentation in (("animals10n-resnet18", crop), ("laptop-digits", None)):
        assert find(f"table8/{setting}/none/LLS").augmentation == augmentation
        for name, expected in added.items():
            both = pipeline.Compose((crop, expected)) if augmentation else expected
            plain, learnable = (find(f"table8/{setting}/none/{label}") for label in (name, f"{name}-LLS"))
            assert plain.augmentation == learnable.augmentation == both
            assert (plain.method.loss, learnable.method.loss) == (losses.CrossEntropy, losses.LearnableLabelSmoothing)
    assert find("table8/animals10n-resnet18/none/Cx-LLS").published == (88.58, None)
    (rows,) = {tuple(numbers) for numbers in published.TABLES["table8"].values()}
    assert [e.method.label for e in papers.under("LLS/table8/laptop-fashion_mnist")] == list(rows)


def test_alphas_of_figure_7():
    for setting in ("cifar100-resnet18", "laptop-digits", "laptop-fashion_mnist"):
        alphas = [experiment.method.arguments["alpha"] for experiment in papers.under(f"LLS/figure7/{setting}")]
        assert alphas == [0.05, 0.1, 0.2, 0.3, 0.4, 0.5]


@pytest.mark.parametrize(
    ("name", "predecessor"),
    [
        ("table5/cifar100-resnet34-resnet50_small/none/LS-teacher", "table2/cifar100-resnet34/none/LS"),
        ("table5/oxford_flowers102-resnet101-mobilenet_v2/none/LLS-ST", "table1/oxford_flowers102-resnet101/none/LLS"),
        ("table5/laptop-digits/none/CE-teacher", "table3/laptop-digits/none/CE"),
        (
            "table5/imagenet100-resnet50_untrained-resnet18_untrained/none/CE-teacher",
            "table3/imagenet100-resnet50_untrained/none/CE",
        ),
        ("table7/imagenet100-resnet18_untrained/none/LLS-ST", "table3/imagenet100-resnet18_untrained/none/LLS"),
        ("table6/tiny_imagenet-resnet18/none/LLS-ST", "table2/tiny_imagenet-resnet18/none/LLS"),
        ("table7/fashion_mnist-resnet18/none/LLS-ST", "whole/fashion_mnist-resnet18/none/LLS"),
        ("table7/laptop-fashion_mnist/none/LLS-ST", "table3/laptop-fashion_mnist/none/LLS"),
        ("table2/cifar100-resnet18/none/TF-KD-self", "table2/cifar100-resnet18/none/CE"),
        ("table6/cifar100-resnet18/none/LLS", None),
    ],
)
def test_who_teaches_whom(name, predecessor):
    experiment = find(name)
    assert experiment.predecessor == (find(predecessor) if predecessor else None)
    assert experiment.model == experiment.name.split("/")[2].split("-")[-1] or "laptop" in name
    assert experiment.method.needs_predecessor == (predecessor is not None)


def test_students_learn_predictions_alone_and_substitutes_matrices_alone():
    """Eq. 6 with beta 0 and temperature 1."""
    for experiment in papers.under("LLS/table5"):
        if experiment.method.label == "LLS-ST":
            assert experiment.method.distillation is None
            assert experiment.method.arguments == {"matrix": SubstituteTeacher(0.1)}
        else:
            assert experiment.method.distillation == {"temperature": 1.0}
            assert (experiment.method.loss, experiment.method.arguments) == (losses.CrossEntropy, {})


SPLITS = {"train": "train[1%:]", "validation": "train[:1%]", "test": "test", "stored_size": 256, "image_size": 224}


@pytest.mark.parametrize(
    ("table", "part"),
    [
        ("table6", sources.RandomExamples(0.5)),
        ("table7", sources.FirstClasses(0.5)),
    ],
)
def test_halves_are_halves_of_what_their_predecessors_saw(table, part):
    found = papers.under(f"LLS/{table}")
    assert {experiment.dataset for experiment in found} > {"imagenet100", "digits"}
    for experiment in found:
        is_streamed = experiment.dataset == "imagenet100"
        whole = sources.Stream(**SPLITS) if is_streamed else sources.InMemory()
        assert experiment.source == dataclasses.replace(whole, part=part)
        if experiment.predecessor:
            assert experiment.predecessor.source == whole


@pytest.mark.parametrize("network", published.TABLE_9)
@pytest.mark.daily("R18")
def test_parameters_are_those_of_table_9(network):
    """Networks of Table 2, with 200 x 200 more where Q is learned."""
    model = settings.model("tiny_imagenet", network)
    trained = models.build(model, (64, 64, 3), 200).trainable_weights
    for label, (parameters, _) in published.TABLE_9[network].items():
        experiment = find(f"table2/tiny_imagenet-{model}/none/{label}")
        assert experiment.model == model
        loss = experiment.method.loss(200, **experiment.method.arguments)
        state = loss.build_state()
        learned = state.trainable_weights if state else []
        assert sum(math.prod(weight.shape) for weight in [*trained, *learned]) == parameters


def test_laptop_variants_of_table_3():
    """Two data sets, clean and with 40 % symmetric noise; 30 epochs of LeNet-5, 100 of the small network."""
    for dataset, network, epochs in (("digits", "digits_cnn", 100), ("fashion_mnist", "lenet5", 30)):
        for kind in ("none", "symmetric40"):
            found = papers.under(f"LLS/table3/laptop-{dataset}/{kind}")
            assert [e.method.label for e in found] == list(published.TABLES["table3"]["cifar10", "AlexNet"])
            assert {(e.dataset, e.model, e.epochs) for e in found} == {(dataset, network, epochs)}


def test_laptop_variants_of_table_2():
    """The rows that only this table has; the network that teaches itself is that of Table 3's cross-entropy."""
    for dataset in ("digits", "fashion_mnist"):
        for kind in ("none", "symmetric40"):
            found = {e.method.label: e for e in papers.under(f"LLS/table2/laptop-{dataset}/{kind}")}
            assert list(found) == ["FL-3", "FLSD-53", "TF-KD-self", "Zipf"]
            teacher = found["TF-KD-self"].predecessor
            assert teacher == papers.find(f"LLS/table3/laptop-{dataset}/{kind}/CE")
            assert found["Zipf"].noise == teacher.noise
            assert {e.predecessor for label, e in found.items() if label != "TF-KD-self"} == {None}


def test_tf_kd_self_has_the_weights_of_its_authors_code():
    """0.05 CE + 0.95 T^2 50 KL / K with T = 6 and K = 100, but for a factor of both terms."""
    chosen = find("table2/cifar100-resnet18/none/TF-KD-self").method.distillation
    of_label, of_teacher = chosen["label_weight"], (1 - chosen["label_weight"]) * chosen["temperature"] ** 2
    assert chosen["temperature"] == 6
    assert of_label / of_teacher == pytest.approx(0.05 / (0.95 * 36 * 50 / 100))


def test_the_weight_of_zipf_label_smoothing_is_that_of_its_authors_for_the_data():
    for column, weight in {"cifar100-resnet18": 0.1, "cifar100-resnet34": 0.1, "tiny_imagenet-resnet18": 1.0}.items():
        assert find(f"table2/{column}/none/Zipf").method.arguments == {"weight": weight}
