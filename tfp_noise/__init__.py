"""Training with noisy labels for Keras 3 and TensorFlow Probability.

Modules are imported when they are first asked for (PEP 562), except those that register classes with Keras, which needs
them to load a saved model.
"""

import importlib
from typing import TYPE_CHECKING

import keras

from tfp_noise import losses, optimizers, schedules

if TYPE_CHECKING or keras.backend.backend() == "tensorflow":
    from tfp_noise.classifier import NoisyLabelClassifier
    from tfp_noise.classifiers.co_teaching import CoTeaching
    from tfp_noise.classifiers.depth_distillation import DepthDistillation
    from tfp_noise.classifiers.distillation import DistilledClassifier
    from tfp_noise.classifiers.distortion_distillation import DistortionDistillation
    from tfp_noise.classifiers.dynamic_bootstrap import DynamicBootstrap
    from tfp_noise.classifiers.meta_weight_net import MetaWeightNet
    from tfp_noise.classifiers.prototype_correction import PrototypeCorrection
    from tfp_noise.classifiers.reweighting import LearningToReweight
if TYPE_CHECKING:
    from tfp_noise import (
        attacks,
        callbacks,
        datasets,
        distribute,
        distributions,
        estimation,
        metrics,
        noise,
        pipeline,
        search,
        similarities,
        suspects,
        visualization,
        wrappers,
    )
    from tfp_noise.cross_prediction import cross_predict

__all__ = [
    "CoTeaching",
    "DepthDistillation",
    "DistilledClassifier",
    "DistortionDistillation",
    "DynamicBootstrap",
    "LearningToReweight",
    "MetaWeightNet",
    "NoisyLabelClassifier",
    "PrototypeCorrection",
    "attacks",
    "callbacks",
    "cross_predict",
    "datasets",
    "distribute",
    "distributions",
    "estimation",
    "losses",
    "metrics",
    "noise",
    "optimizers",
    "pipeline",
    "schedules",
    "search",
    "similarities",
    "suspects",
    "visualization",
    "wrappers",
]

# Names that are no modules, and the modules that they come from.
_SOURCES = {
    "CoTeaching": "classifiers.co_teaching",
    "DepthDistillation": "classifiers.depth_distillation",
    "DistilledClassifier": "classifiers.distillation",
    "DistortionDistillation": "classifiers.distortion_distillation",
    "DynamicBootstrap": "classifiers.dynamic_bootstrap",
    "LearningToReweight": "classifiers.reweighting",
    "MetaWeightNet": "classifiers.meta_weight_net",
    "NoisyLabelClassifier": "classifier",
    "PrototypeCorrection": "classifiers.prototype_correction",
    "cross_predict": "cross_prediction",
}

if not TYPE_CHECKING:  # type checkers read the imports above

    def __getattr__(name):
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = importlib.import_module(f"{__name__}.{_SOURCES.get(name, name)}")
        return getattr(module, name) if name in _SOURCES else module


def __dir__():
    return sorted({*globals(), *__all__})
