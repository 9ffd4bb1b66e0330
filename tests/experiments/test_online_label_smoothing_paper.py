"""Zhang et al. 2021 as declared: settings, and numbers as published."""

import numpy as np
import pytest

from experiments import papers
from experiments.evaluation.measures import Attacks, HumanDistance, SnapshotEnsembles, TopAccuracy
from experiments.experiment import Noise
from experiments.papers import laptop
from experiments.papers.online_label_smoothing import findings, published, settings, studies
from experiments.sources import InMemory
from tfp_noise import (
    datasets,
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
