"""TFP's generic tests of distributions on the Logistic-Normal: those in its wheel, and laws in place of the others."""

import inspect
import itertools
import warnings

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from absl import flags

from tests.helpers.logistic_normal_cases import CASES, LOC, distribution_of
from tfp_noise.distributions import LogisticNormal

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # TFP's helpers import distutils
    from tensorflow_probability.python.internal import test_util

tfb = tfp.bijectors
tfd = tfp.distributions

SCALES = {"scalar": [], "vector": [3], "batch": [5, 3], "broad": [2, 1, 3]}
FACTORS = {"none": None, "rank_1": [3, 1], "rank_2": [5, 3, 2], "rank_4": [2, 1, 3, 4]}
DAILY = [("scalar", "none"), ("scalar", "rank_2"), ("vector", "rank_1"), ("batch", "rank_2"), ("broad", "rank_4")]
SHAPES = [
    pytest.param(*shapes, marks=[pytest.mark.torture] * (shapes not in DAILY))
    for shapes in itertools.product(SCALES, FACTORS)
]
SLICES = {
    "int": np.s_[-1],
    "range": np.s_[..., 1:4],
    "stride": np.s_[..., ::2],
    "newaxis": np.s_[tf.newaxis, ..., 3],
    "ellipsis": np.s_[..., tf.newaxis],
}


def batched(scale, factor):
    rng = np.random.default_rng(1)
    shape = FACTORS[factor]
    return LogisticNormal(
        tf.constant(rng.normal(size=[5, 3]), tf.float32),
        tf.constant(rng.uniform(0.5, 1, size=SCALES[scale]), tf.float32),
        None if shape is None else tf.constant(rng.normal(size=shape), tf.float32),
        temperature=1.5,
    )


class Helpers(test_util.TestCase, test_util.VectorDistributionTestHelpers):
    __test__ = False

    def runTest(self):  # noqa: N802
        """The test method that unittest requires."""


@pytest.fixture
def helpers():
    flags.FLAGS.mark_as_parsed()  # TFP's helpers ask for a seed on the command line
    helpers = Helpers()
    helpers.setUp()
    return helpers


@pytest.mark.parametrize("case", CASES)
@pytest.mark.daily("scalar", "rank_2")
def test_samples_agree_with_density_mean_and_covariance_by_tfps_helpers(case, helpers):
    distribution = distribution_of(case)
    helpers.run_test_sample_consistent_mean_covariance(
        helpers.evaluate, distribution, num_samples=20_000, seed=1, rtol=0.03, atol=0.01
    )
    helpers.run_test_sample_consistent_log_prob(
        helpers.evaluate, distribution.logits_distribution(), num_samples=50_000, center=LOC, seed=1, rtol=0.05
    )


def test_variables_become_tensors_by_tfps_helper(helpers):
    variables = [tf.Variable(tf.zeros([3])), tf.Variable(0.5), tf.Variable(tf.ones([3, 2])), tf.Variable(1.5)]
    helpers.assertConvertVariablesToTensorsWorks(LogisticNormal(*variables))


@pytest.mark.parametrize("sample_shape", [[4], [7, 4], [2, 1, 4]])
@pytest.mark.parametrize("all_parameters", [False, True])
def test_parameter_properties_construct_it(sample_shape, all_parameters):
    parameters = {}
    for name, one in LogisticNormal.parameter_properties(dtype=tf.float64).items():
        if one.is_preferred or all_parameters:
            shape = one.shape_fn(sample_shape=sample_shape)
            np.testing.assert_array_equal(shape, one.shape_fn(sample_shape))
            assert len(shape) >= one.event_ndims
            try:
                bijector = one.default_constraining_bijector_fn()
            except NotImplementedError:
                bijector = tfb.Identity()
            parameters[name] = bijector(tf.random.stateless_normal(shape, [0, 1], dtype=tf.float64))
    distribution = LogisticNormal(**parameters)
    assert distribution.batch_shape == sample_shape[:-1]
    assert distribution.event_shape == sample_shape[-1:]
    sample = distribution.sample(seed=[0, 1])
    assert sample.shape == sample_shape
    assert np.isfinite(distribution.log_prob(tf.identity(sample))).all()


def test_parameters_are_the_constructors_arguments():
    distribution = batched("vector", "rank_2")
    arguments = set(inspect.signature(LogisticNormal).parameters)
    assert set(distribution.parameters) == arguments
    assert set(LogisticNormal.parameter_properties()) == arguments - {"validate_args", "allow_nan_stats", "name"}
    copy = distribution.copy(name="another")
    assert copy.name == "another"
    np.testing.assert_array_equal(copy.sample(seed=[0, 1]), distribution.sample(seed=[0, 1]))


@pytest.mark.parametrize(("scale", "factor"), SHAPES)
@pytest.mark.daily("scalar-rank_2", "broad-rank_4")
def test_batch_shapes_slices_and_samples(scale, factor):
    """Slices have slices of the log_prob; samples of any shape have a density."""
    distribution = batched(scale, factor)
    shape = [2, 5] if scale == "broad" or factor == "rank_4" else [5]
    assert distribution.batch_shape == shape
    np.testing.assert_array_equal(distribution.batch_shape_tensor(), shape)
    assert distribution.event_shape_tensor().numpy().tolist() == [4]
    for sample_shape in ([], [3], [2, 3]):
        sample = distribution.sample(sample_shape, seed=[0, 1])
        assert sample.shape == [*sample_shape, *shape, 4]
        assert distribution.log_prob(sample).shape == [*sample_shape, *shape]
    sample, log_prob = distribution.experimental_sample_and_log_prob(seed=[0, 1])
    s = tf.identity(sample)  # which the bijector's cache does not know
    np.testing.assert_allclose(distribution.log_prob(s), log_prob, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(distribution.unnormalized_log_prob(s), log_prob, rtol=1e-3, atol=1e-3)
    for name, where in SLICES.items():
        part, expected = distribution[where], log_prob.numpy()[where]
        assert part.batch_shape == expected.shape, name
        places = where if isinstance(where, tuple) else (where, ...)
        of_part = part.log_prob(s.numpy()[(*places, slice(None))])
        np.testing.assert_allclose(of_part, expected, rtol=1e-3, atol=1e-3, err_msg=name)
    wide = distribution._broadcast_parameters_with_batch_shape([3, 2, 5])
    np.testing.assert_allclose(wide.log_prob(s), tf.broadcast_to(log_prob, [3, 2, 5]), rtol=1e-3, atol=1e-3)


META = {
    "independent": lambda d: (tfd.Independent(d, 1), lambda x: tf.reduce_sum(d.log_prob(x), -1)),
    "sample": lambda d: (tfd.Sample(d[0], 6), lambda x: tf.reduce_sum(d[0].log_prob(x), -1)),
    "reshape": lambda d: (tfd.BatchReshape(d, [5, 1]), lambda x: d.log_prob(x[:, 0])[:, tf.newaxis]),
    "broadcast": lambda d: (tfd.BatchBroadcast(d, [2, 5]), d.log_prob),
    "concat": lambda d: (
        tfd.BatchConcat([d, d[:2]], axis=0),
        lambda x: tf.concat([d.log_prob(x[:5]), d[:2].log_prob(x[5:])], 0),
    ),
    "masked": lambda d: (tfd.Masked(d, tf.range(5) > 1), lambda x: tf.where(tf.range(5) > 1, d.log_prob(x), 0)),
    "mixture": lambda d: (
        tfd.MixtureSameFamily(tfd.Categorical(tf.zeros(5)), d),
        lambda x: tf.reduce_logsumexp(d.log_prob(x), -1) - np.log(5),
    ),
    "joint": lambda d: (
        tfd.JointDistributionNamedAutoBatched({"s": d, "y": lambda s: tfd.Categorical(probs=s)}, batch_ndims=1),
        lambda x: d.log_prob(x["s"]) + tfd.Categorical(probs=x["s"]).log_prob(x["y"]),
    ),
}


@pytest.mark.parametrize("factor", ["none", "rank_2"])
@pytest.mark.parametrize("meta", META)
def test_distributions_of_distributions_take_it(meta, factor):
    distribution, log_prob = META[meta](batched("vector", factor))
    sample = tf.nest.map_structure(tf.identity, distribution.sample(seed=[0, 1]))
    np.testing.assert_allclose(distribution.log_prob(sample), log_prob(sample), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("case", CASES)
def test_float32_is_float64(case):
    wide = distribution_of(case)
    narrow = LogisticNormal(
        *(
            None if v is None else tf.cast(v, tf.float32)
            for v in (wide.loc, wide.scale_diag, wide.scale_perturb_factor)
        ),
        temperature=tf.cast(wide.temperature, tf.float32),
    )
    s = wide.sample(50, seed=[0, 1])
    np.testing.assert_allclose(narrow.log_prob(tf.cast(s, tf.float32)), wide.log_prob(s), rtol=1e-4, atol=1e-4)
    for method in ("mean", "stddev", "entropy"):
        np.testing.assert_allclose(
            getattr(narrow, method)(num_points=64), getattr(wide, method)(num_points=64), rtol=1e-4
        )
    other = LogisticNormal(tf.zeros(3), 1.2)
    wide_other = LogisticNormal(tf.zeros(3, tf.float64), 1.2)
    np.testing.assert_allclose(narrow.kl_divergence(other), wide.kl_divergence(wide_other), rtol=1e-5)


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=[pytest.mark.torture] * (case not in ("scalar", "rank_2"))) for case in CASES]
)
@pytest.mark.daily("scalar")
def test_a_structured_surrogate_posterior_is_built_and_trained(case):
    prior = tfd.JointDistributionSequentialAutoBatched(
        [
            LogisticNormal(
                tf.constant(LOC, tf.float32), **{k: tf.constant(v, tf.float32) for k, v in CASES[case].items()}
            )
        ]
    )
    surrogate = tfp.experimental.vi.build_asvi_surrogate_posterior(prior, seed=[0, 1])
    with tf.GradientTape() as tape:
        samples, log_prob = surrogate.experimental_sample_and_log_prob(3, seed=2)
        loss = tf.reduce_mean(log_prob - prior.log_prob(samples))
    assert surrogate.event_shape == [tf.TensorShape([4])]
    assert len(surrogate.trainable_variables) >= 6  # two of each parameter
    assert all(np.isfinite(gradient).all() for gradient in tape.gradient(loss, surrogate.trainable_variables))


def test_a_batch_of_surrogates_needs_scalars_that_are_none():
    """A temperature for each member of a batch, as surrogates have it, is refused and not broadcast over the logits."""
    prior = tfd.JointDistributionSequentialAutoBatched([tfd.Sample(LogisticNormal(tf.zeros(3), tf.ones(3)), 3)])
    with pytest.raises(ValueError, match="`temperature` must be a scalar"):
        tfp.experimental.vi.build_asvi_surrogate_posterior(prior, seed=[0, 1])


@pytest.mark.parametrize("constant", [0.0, 0.5 * np.log(4)], ids=["as it is", "one measure"])
def test_beside_dirichlet_a_constant_is_added(constant):
    """Half of a mixture's samples come from each component: mean responsibilities are 1/2 under one measure."""
    ours, theirs = LogisticNormal(tf.zeros(3), tf.fill([3], 1.2)), tfd.Dirichlet(tf.fill([4], 1.2))
    samples = tf.concat([ours.sample(5000, seed=[0, 1]), theirs.sample(5000, seed=[0, 2])], 0)
    share = tf.reduce_mean(tf.sigmoid(ours.log_prob(samples) + constant - theirs.log_prob(samples)))
    assert (abs(share - 0.5) < 1e-2) == (constant > 0)


def test_its_own_samples_are_accepted_and_have_a_density():
    """Samples with a probability that underflowed to 0 are accepted too; their density is 0."""
    distribution = LogisticNormal(tf.zeros(3), 60.0, validate_args=True)
    samples = tf.identity(distribution.sample(200, seed=[0, 1]))
    on_face = tf.reduce_any(samples == 0, -1).numpy()
    assert on_face.any()
    log_prob = distribution.log_prob(samples).numpy()
    assert (log_prob[on_face] == -np.inf).all()
    assert np.isfinite(log_prob[~on_face]).all()
    for factor in (None, tf.ones([3, 1]), tf.eye(3)):
        for corner in np.eye(4, dtype="float32"):
            at_corner = LogisticNormal(tf.zeros(3), 0.5, factor)
            assert at_corner.log_prob(corner) == -np.inf
            assert at_corner.prob(corner) == 0
    assert np.isnan(LogisticNormal([np.nan, 0.0]).log_prob([0.3, 0.3, 0.4]))


@pytest.mark.parametrize("jit_compile", [False, True])
def test_the_boundary_hides_no_parameter_or_value_that_is_nan(jit_compile):
    corner, sick = np.array([1.0, 0.0, 0.0], np.float32), np.array([np.nan, 0.0, 1.0], np.float32)

    @tf.function(jit_compile=jit_compile)
    def log_prob(loc, scale, value):
        return LogisticNormal(loc, scale_diag=scale).log_prob(value)

    whole, ill = np.zeros(2, np.float32), np.array([np.nan, 0.0], np.float32)
    one = np.ones(2, np.float32)
    assert log_prob(whole, one, corner) == -np.inf
    for given in ((ill, one, corner), (whole, ill + one, corner), (whole, one, sick)):
        assert np.isnan(log_prob(*given))


BAD = {
    "loc": ([0.0, 0.0, np.nan], "`loc` must be finite"),
    "scale_diag": ([1.0, np.inf, 1.0], "`scale_diag` must be (positive and )?finite"),
    "scale_perturb_factor": ([[1.0], [np.inf], [1.0]], "`scale_perturb_factor` must be finite"),
    "temperature": (np.inf, "`temperature` must be (positive and )?finite"),
}


@pytest.mark.parametrize("make", [tf.constant, tf.Variable])
@pytest.mark.parametrize("name", BAD)
def test_validation_refuses_parameters_that_are_not_finite(name, make):
    value, message = BAD[name]
    arguments = {"loc": tf.zeros(3), name: make(value)}
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match=message):
        LogisticNormal(**arguments, validate_args=True).log_prob(tf.fill([4], 0.25))


def test_validation_makes_no_dense_matrix(monkeypatch):
    def refuse(self, name=None):
        raise AssertionError("dense")

    monkeypatch.setattr(tf.linalg.LinearOperatorLowRankUpdate, "to_dense", refuse)
    for scale_diag in (1.0, tf.ones(3)):
        distribution = LogisticNormal(tf.zeros(3), scale_diag, tf.ones([3, 2]), validate_args=True)
        assert np.isfinite(distribution.log_prob(tf.fill([4], 0.25)))


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16])
@pytest.mark.parametrize("name", ["loc", "scale_diag", "scale_perturb_factor", "temperature"])
def test_narrow_dtypes_are_refused_with_a_cure_that_works(name, dtype):
    values = {"loc": [0.0, 0.0, 0.0], "scale_diag": 0.5, "scale_perturb_factor": [[1.0]] * 3, "temperature": 2.0}
    narrow = tf.constant(values[name], dtype)
    with pytest.raises(ValueError, match=rf"`{name}` must be float32 or float64.*{dtype.name}.*tf.cast\({name}, tf.f"):
        LogisticNormal(**{"loc": [0.0, 0.0, 0.0], name: narrow})
    LogisticNormal(**{"loc": [0.0, 0.0, 0.0], name: tf.cast(narrow, tf.float32)})
