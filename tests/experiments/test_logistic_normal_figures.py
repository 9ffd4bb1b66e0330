"""The Logistic-Normal paper's figures from runs: made-up results, and models without their training."""

import types

import keras
import numpy as np
import pytest

from experiments import papers
from experiments.papers.logistic_normal import figures, studies
from experiments.sources import InMemory
from tfp_noise import NoisyLabelClassifier, datasets, metrics, pipeline

KEYS = ("test_accuracy", "train_accuracy_clean", "train_accuracy_mislabelled", "train_accuracy_mislabelled_true")


def result(name, seed, accuracy=0.5, rate=0.4, kind="symmetric", arguments=None):
    settings = {"name": name, "seed": seed, "noise": {"kind": kind, "rate": rate}}
    curves = {"epoch": [1, 2]} | {key: [accuracy, accuracy] for key in KEYS}
    method = {"method": {"arguments": arguments}}
    return {"settings": settings | method, "scores": {"test_accuracy": accuracy, "train": {}}, "curves": curves}


def test_planes_experiments():
    """The paper's settings, with another optimizer and number of points."""
    assert [e.name for e in studies.FIGURE_3] == [
        f"LN/figure3/{dataset}/symmetric40/{method}"
        for dataset in ("two_moons", "two_circles")
        for method in ("CE", "LN")
    ]
    for experiment in studies.FIGURE_3:
        assert (experiment.model, experiment.epochs) == ("mlp", 2000)
        assert experiment.optimizer == ("Adam", {"learning_rate": 1e-4})
        whole, chosen = datasets.load(experiment.dataset), experiment.source.load(experiment.dataset, None)
        np.testing.assert_array_equal(chosen.train.features, whole.train.features[: experiment.batch_size])
        assert len(chosen.train) == experiment.batch_size
        np.testing.assert_array_equal(chosen.test.features, whole.test.features)
        assert experiment.source != InMemory()
        assert experiment.settings()["source"] == {"count": experiment.batch_size}


def test_grid_of_figure_5():
    grid = [e for e in studies.FIGURE_5 if e.name.startswith("LN/figure5/laptop-digits/symmetric40/")]
    settings = {(e.method.arguments["temperature"], e.method.arguments["min_scale"]) for e in grid}
    assert len(settings) == len(grid)
    assert settings == {(t, s) for t in (0.1, 0.5, 1.0) for s in (0.1, 0.5, 1.0)}
    one = papers.find("LN/figure5/mnist/symmetric40/tau0.5-lambda0.1")
    table = papers.find("LN/table1/mnist/symmetric40/LN")
    assert one.method.arguments == {"temperature": 0.5, "min_scale": 0.1, "target_smoothing": 0.01}
    assert (one.noise, one.model, one.optimizer, one.published) == (table.noise, table.model, table.optimizer, None)


@pytest.mark.parametrize(
    ("label", "noise"), [("laptop-digits", "asymmetric20"), ("cifar10", "asymmetric20"), ("cifar10n-worst", "human")]
)
def test_pairs_of_figures_6_and_7_differ_in_the_covariance(label, noise):
    learned, identity = studies.covariances(label, noise)
    assert papers.find(identity.name) == identity
    assert papers.find(learned.name) == learned
    changed = {"name", "method", "published"}
    same = learned.settings().keys() - changed
    assert all(learned.settings()[key] == identity.settings()[key] for key in same)
    kept = {key: value for key, value in learned.method.arguments.items() if key != "min_scale"}
    assert identity.method.arguments == {**kept, "covariance": "identity"}
    assert learned.method.arguments.get("covariance", "low_rank") == "low_rank"


def test_covariances_refuse_what_is_not_declared():
    with pytest.raises(ValueError, match=r"Unknown setting and noise: 'mnist/symmetric50'. Did you mean 'mnist/symm"):
        studies.covariances("mnist", "symmetric50")


def test_training_takes_the_curves_of_one_seed_and_setting(finished):
    finished += [
        result(f"LN/table1/mnist/symmetric{round(100 * r)}/{m}", 1, r / 2, r) for r in (0.2, 0.6) for m in ("CE", "LN")
    ]
    finished += [
        result("LN/table1/mnist/symmetric20/CE", 0, 0.9, 0.2),
        result("LN/table1/mnist/none/CE", 1, 0.9, 0, "none"),
    ]
    finished += [result("LN/table1/laptop-digits/symmetric80/CE", 1, 0.9, 0.8), result("digits/symmetric40/CE", 1)]
    figure = figures.training("w", "mnist", ["LN", "CE"], seed=1)
    assert [axes.get_title() for axes in figure.axes[:2]] == ["LN", "CE"]
    for axes in figure.axes[:2]:
        assert [(line.get_label(), line.get_ydata()[0]) for line in axes.lines] == [
            ("20% noise", 0.1),
            ("60% noise", 0.3),
        ]
    message = r"(?s)No finished run of LN/table1/mnist/symmetric40/Het with seed 1 in w\..*--seeds=1 --workdir=w"
    with pytest.raises(FileNotFoundError, match=message):
        figures.training("w", "mnist", ["LN", "Het"], seed=1)
    with pytest.raises(ValueError, match="Unknown method: 'LM'"):
        figures.training("w", "mnist", ["LM"], seed=1)


def test_sensitivity_takes_all_seeds_of_a_setting(finished):
    def run(tau, scale, seed, accuracy, label="mnist"):
        arguments = {"temperature": tau, "min_scale": scale}
        return result(f"LN/figure5/{label}/symmetric40/tau{tau}-lambda{scale}", seed, accuracy, arguments=arguments)

    finished += [run(0.1, 0.5, 0, 0.7), run(0.1, 0.5, 1, 0.8), run(1.0, 0.5, 0, 0.9), run(1.0, 0.1, 0, 0.6, "cifar10")]
    axes = figures.sensitivity("w", "mnist").axes[0]
    assert [text.get_text() for text in axes.texts] == ["75.0\n± 7.1", "90.0"]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0.1", "1"]
    with pytest.raises(FileNotFoundError, match=r"No finished run of LN/figure5/cifar100/symmetric40 with"):
        figures.sensitivity("w", "cifar100")


@pytest.fixture
def untrained(monkeypatch):
    """Small models without training in the place of the runs': `{name: model}` as they are asked for."""
    found = {}

    def trained(experiment, workdir, data_dir=None):
        del workdir
        data = experiment.source.load(experiment.dataset, data_dir)
        loss = experiment.method.build_loss(data, None)
        layers = [keras.layers.Flatten(), keras.layers.Dense(loss.num_outputs)]
        network = keras.Sequential([keras.Input(data.input_shape), *layers])
        return found.setdefault(experiment.name, NoisyLabelClassifier(network, loss))

    monkeypatch.setattr(figures, "trained", trained)
    return found


def test_decision_regions_show_the_points_trained_on(untrained):
    figure = figures.decision_regions("two_circles", 3, None)
    assert [axes.get_title() for axes in figure.axes[:2]] == ["CE", "LN"]
    assert set(untrained) == {f"LN/figure3/two_circles/symmetric40/{method}" for method in ("CE", "LN")}
    experiment = papers.find("LN/figure3/two_circles/symmetric40/CE").with_seed(3)
    train = experiment.noise.apply(experiment.source.load("two_circles", None), 3).train
    _, _, *groups, rings = figure.axes[0].collections
    for group, label in zip(groups, (0, 1), strict=True):
        np.testing.assert_array_equal(group.get_offsets(), train.features[train.observed == label])
    np.testing.assert_array_equal(rings.get_offsets(), train.features[train.mislabelled])
    assert 5 < len(rings.get_offsets()) < 40


def test_label_dependent_terms_are_those_of_the_two_networks(untrained):
    learned, identity = (e.with_seed(2) for e in studies.covariances("laptop-digits", "symmetric40"))
    figure = figures.label_dependent_terms(learned, identity, None)
    examples = learned.noise.apply(datasets.load("digits"), 2).train
    for axes, experiment, as_identity in zip(
        figure.axes, (identity, learned, learned), (True, True, False), strict=True
    ):
        model = untrained[experiment.name]
        outputs = model(pipeline.to_float(examples.features)).numpy()
        terms = metrics.label_dependent_term(model.loss, examples.observed, outputs, as_identity)
        for stairs, kind in zip(axes.patches[1::2], (~examples.mislabelled, examples.mislabelled), strict=True):
            share, edges, _ = stairs.get_data()
            expected = 100 * np.mean(terms[kind] < edges[30])
            assert share[:30].sum() == pytest.approx(expected, abs=0.2)  # an example or two on the edge, by rounding
    assert len({axes.get_title() for axes in figure.axes}) == 3


@pytest.mark.thorough
def test_the_script_draws_what_it_can_and_says_what_is_missing(untrained, finished, tmp_path, monkeypatch):
    args = types.SimpleNamespace(
        figures=list("123456"),
        seed=0,
        workdir=tmp_path,
        data_dir=None,
        label="laptop-digits",
        noises=["asymmetric20"],
        methods=["LN"],
    )
    monkeypatch.setattr(figures.flags, "FLAGS", args)
    finished.append(result("LN/table1/laptop-digits/symmetric40/LN", 0))
    with pytest.raises(SystemExit, match=r"^Figure 5: No finished run of LN/figure5/laptop-digits/symmetric40"):
        figures.main()
    arguments = {"temperature": 1.0, "min_scale": 0.5}
    finished.append(result("LN/figure5/laptop-digits/symmetric40/tau1-lambda0.5", 0, arguments=arguments))
    args.figures = ["5"]
    figures.main()
    assert sorted(str(path.relative_to(tmp_path / "LN")) for path in tmp_path.rglob("*.png")) == [
        "figure1.png",
        "figure2.png",
        "figure3/two_circles.png",
        "figure3/two_moons.png",
        "figure4/laptop-digits.png",
        "figure5/laptop-digits.png",
        "figure6/laptop-digits-asymmetric20.png",
    ]
