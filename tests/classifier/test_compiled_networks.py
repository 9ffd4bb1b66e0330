"""The whole training step of every network as one program of XLA."""

import keras
import numpy as np
import pytest

import models
from models import pretrained
from tests.classifier.test_compiled_steps import classifier, obstacles
from tests.models.test_models import NETWORKS
from tfp_noise import losses

pytestmark = pytest.mark.torture


@pytest.mark.parametrize("name", models.names())
def test_the_step_of_every_network_compiles(name, monkeypatch):
    # The initial weights of networks that read them from files make no difference here.
    monkeypatch.setattr(pretrained, "_weights_path", lambda name: "none")
    monkeypatch.setattr(keras.src.models.Functional, "load_weights", lambda *args: None)
    shape = NETWORKS[name][0] if name in NETWORKS else (32, 32, 3)
    loss = losses.LogisticNormal(10)
    model = classifier(loss, models.build(name, shape, loss.num_outputs))
    rng = np.random.default_rng(0)
    batch = rng.random((2, *shape), "float32"), np.array([3, 7], "int32")
    model.compute_metrics(*batch, model(batch[0]))
    assert obstacles(lambda x, y: model.train_step((x, y)), *batch) == set()
