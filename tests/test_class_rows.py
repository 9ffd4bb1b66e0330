"""Dense and top-N rows: the same interface, with the results of a matrix that is written out."""

import numpy as np
import pytest
from scipy import stats

from tfp_noise import _class_rows
from tfp_noise.losses import TopRows

K, N = 6, 2
RNG = np.random.default_rng(0)
INDICES = np.stack([RNG.permutation(K)[:N] for _ in range(K)])
WHOLE = RNG.dirichlet(np.ones(N + 1), K)
TOP = TopRows(INDICES, WHOLE[:, :N], WHOLE[:, N])
MATRIX = np.repeat(TOP.remainder[:, None] / (K - N), K, axis=1)
np.put_along_axis(MATRIX, INDICES, TOP.values, axis=1)


@pytest.fixture(params=["dense", "top"])
def rows(request):
    return _class_rows.as_rows(MATRIX if request.param == "dense" else TOP)


def test_both_have_the_same_methods():
    public = [{name for name in dir(kind) if name[0] != "_"} for kind in (_class_rows.DenseRows, TopRows)]
    assert public[0] - {"matrix"} == public[1] - set(TopRows._fields)


def test_parts_of_the_matrix(rows):
    assert rows.num_classes == K
    labels, targets = np.array([3, 0, 3]), RNG.dirichlet(np.ones(K), 5)
    np.testing.assert_allclose(rows.take(labels), MATRIX[labels], rtol=1e-12)
    np.testing.assert_allclose(rows.mix(targets), targets @ MATRIX, rtol=1e-12)
    np.testing.assert_allclose(rows.block([4, 1]), MATRIX[[4, 1]][:, [4, 1]], rtol=1e-12)
    assert rows.cast("float32").take(labels).dtype == "float32"


def test_summaries(rows):
    """Some rows of the top-N matrix keep their own label, and some do not."""
    own = np.any(np.arange(K)[:, None] == INDICES, axis=1)
    assert own.any()
    assert not own.all()
    assert rows.mean_diagonal() == pytest.approx(np.mean([MATRIX[k, k] for k in range(K)]))
    assert rows.mean_entropy() == pytest.approx(np.mean(stats.entropy(MATRIX, axis=1)))


def test_numpy_arrays_and_the_way_back(rows):
    plain = rows.cast("float64").to_numpy()
    assert isinstance(plain, TopRows if isinstance(rows, TopRows) else np.ndarray)
    again = _class_rows.rows_of_arrays(_class_rows.check_rows("rows", plain)._asdict())
    assert type(again) is type(rows)
    np.testing.assert_array_equal(again.block(range(K)), rows.block(range(K)))
    assert _class_rows.rows_of_arrays({"matrix": MATRIX, "indices": INDICES}) is None
