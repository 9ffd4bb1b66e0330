import gc
import os
import random
import socket

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# pytest runs a process a core: TensorFlow's threads and those of NumPy would keep it busy with waiting for one another.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
# XLA's own passes stay; what LLVM makes of their result for this CPU takes half of the time of a compilation.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

import pytest


def pytest_configure(config):
    """Sets TensorFlow up in the processes that run tests; one that hands them out to others does without."""
    if config.getoption("dist", "no") != "no":
        return
    import tensorflow as tf

    # Traced functions are many objects: to look through all of them again and again takes a tenth of the time.
    gc.disable()

    # Two logical devices, for the tests with two replicas; it has to be said before TensorFlow touches a device.
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
    )

    def iter_untuned(self, iterate=tf.data.Dataset.__iter__):
        options = tf.data.Options()
        options.autotune.enabled = False
        return iterate(self.with_options(options))

    # An iterator that is deleted waits for its tuning to wake up; a module's tests leave hundreds.
    tf.data.Dataset.__iter__ = iter_untuned


def pytest_collection_modifyitems(config, items):
    """Files that start processes come first: they take longest, and the others fill what time they leave."""
    items.sort(key=lambda item: not hasattr(getattr(item, "module", None), "processes"))
    unknown = {}  # by test, what `daily` names and no parameter is
    for item in items:
        if daily := item.get_closest_marker("daily"):
            if item.get_closest_marker("thorough"):
                raise pytest.UsageError(f"{item.nodeid} must be `thorough` or name its `daily` parameters, not both.")
            unknown.setdefault(item.nodeid.split("[")[0], set(daily.args)).discard(item.callspec.id)
            if item.callspec.id not in daily.args:
                item.add_marker(pytest.mark.thorough)
    if config.getoption("lf", False) or any("::" in argument for argument in config.args):
        return  # only some parameters are collected
    for name, ids in unknown.items():
        if ids:
            raise pytest.UsageError(f"`daily` must name parameters of {name}. Received: {sorted(ids)}")


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef):
    """Keras draws seeds from here: a fixture has the same ones whatever ran before, and not those of its test."""
    random.seed(fixturedef.argname)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item):
    random.seed(item.name)


@pytest.fixture(autouse=True, scope="module")
def _collected():
    """Seeds TensorFlow and NumPy for a module, frees what its tests have left, and never looks again at the rest."""
    import keras

    keras.utils.set_random_seed(0)  # for each test it would take as long as the tests: TensorFlow's caches go, too
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def two_replicas():
    """One strategy for all tests: a second MirroredStrategy in a process breaks the collectives of the first."""
    from tfp_noise import distribute

    return distribute.strategy("mirrored", devices=["CPU:0", "CPU:1"])


def free_addresses(count):
    """Addresses of this machine that nobody listens at."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    return addresses


@pytest.fixture
def workers():
    """Three addresses of this machine that are free."""
    return free_addresses(3)
