"""Training on the predictions of a teacher, instead of the labels or together with them."""

from typing import Any

import keras

from tfp_noise import _backends, _positions, _validation
from tfp_noise._saving.layer_states import layer_states, layers_in, set_layer_states
from tfp_noise._training.network_and_loss import check_no_memory, check_parts, share_weights
from tfp_noise._training.raw_outputs import check_raw_outputs
from tfp_noise.classifier import NoisyLabelClassifier, class_logits
from tfp_noise.losses import NoisyLabelLoss
from tfp_noise.losses._checks import check_one_class

_TEACHER = "teacher_"


@keras.saving.register_keras_serializable(package="tfp_noise")
class DistilledClassifier(NoisyLabelClassifier):
    """A student: a `NoisyLabelClassifier` whose labels are a teacher's probabilities, softened by a temperature.

    With teacher logits `t`, student outputs `s`, temperature `T`, given labels `y` and `w = label_weight`:

        (1 - w) T^2 loss(softmax(t / T), s / T) + w loss(y, s)

    `loss` is the loss of the student, which treats the teacher's labels like all soft labels. Smoothing mixes them with
    the uniform distribution. Forward correction trains a prediction that the noise would turn into the teacher's; above
    `T = 1` it corrects softened predictions, and the student's predictions at `T = 1` are less certain. The factor
    `T^2` keeps gradients as large as at `T = 1`.

    A label of the loss's `ignore_class` leaves an example out of the term of the labels; the teacher's counts for all
    examples and positions that no mask of Keras leaves out.

    The teacher runs in inference mode on the same augmented inputs and does not change. Because it is not a layer of
    the student, it is not trained, and its regularisers do not count. Files of `save` and `save_weights` contain its
    weights. `get_weights` returns only those of the student, so that a clone has no teacher and refuses to train.

    The objective is that of `keras.distillation.Distiller` with `LogitsDistillation(T,
    loss=keras.losses.KLDivergence())`, up to the entropy of the teacher, which does not depend on the student. In
    addition, a student accepts every loss of this package and `sample_weight`, and is a classifier: metrics and
    `predict` use probabilities.

    Args:
        network: as in `NoisyLabelClassifier`.
        loss: as in `NoisyLabelClassifier`; for a temperature other than 1, a loss whose outputs are logits
            (`loss.reads_logits`).
        teacher: a trained `NoisyLabelClassifier` of any loss, or another `keras.Model` from the same inputs to logits
            `[batch, ..., num_classes]`. It must not share trainable weights with `network`.
        temperature: float > 0.
        label_weight: float in [0, 1], weight of the labels; with 0, `fit(x)` needs no labels, unless metrics do.
        name: name of the model.
        **kwargs: other arguments of `NoisyLabelClassifier`.

    Raises:
        TypeError: if `teacher` is not a Keras model.
        ValueError: if the teacher has no weights yet, does not return logits for the student's inputs and classes, or
            shares weights with the student; if a number is out of range; if the temperature is not 1 and the loss does
            not read logits; or if the loss needs ids of examples.
        RuntimeError: on another backend of Keras than TensorFlow.

    Example:
        >>> import numpy as np
        >>> from tfp_noise import losses
        >>> def network():
        ...     return keras.Sequential([keras.Input([4]), keras.layers.Dense(3)])
        >>> teacher = NoisyLabelClassifier(network(), losses.LabelSmoothing(3, alpha=0.1))
        >>> student = DistilledClassifier(network(), losses.CrossEntropy(3), teacher, temperature=2.0)
        >>> student.compile("adam", metrics=["accuracy"])
        >>> history = student.fit(np.zeros([8, 4]), np.zeros([8], int), verbose=0)
        >>> student.predict(np.zeros([2, 4]), verbose=0).shape
        (2, 3)

    References:
        Hinton, Vinyals, Dean, "Distilling the knowledge in a neural network", 2015, section 2;
        Lukasik et al., "Does label smoothing mitigate label noise?", 2020, section 5 (`T = 2`, `w = 0`).
    """

    def __init__(
        self,
        network: keras.layers.Layer,
        loss: NoisyLabelLoss,
        teacher: keras.Model,
        temperature: float = 2.0,
        label_weight: float = 0.0,
        *,
        name: str = "distilled",
        **kwargs: Any,
    ):
        _backends.require_tensorflow(type(self).__name__, "it overrides steps of TensorFlow's trainer")
        check_parts(network, loss)
        check_one_class("loss", loss)
        check_no_memory(loss, "a teacher's label comes without the example's id")
        if not isinstance(teacher, keras.Model):
            raise TypeError(
                f"`teacher` must be a trained Keras model. Received: {teacher!r:.100}. Train a network on the same "
                "inputs and classes first, such as in a `NoisyLabelClassifier`, and pass that classifier."
            )
        if not teacher.built:
            raise ValueError("`teacher` must be trained. Received: a model without weights. Call its `fit` first.")
        # Hidden from Keras, which would train it, save its optimizer and add its regularisers to the loss. Set before
        # `super()`, which may call `build`.
        self._teacher = _Untracked(teacher)
        super().__init__(network, loss, name=name, **kwargs)
        # Keras asks this of the layers that it tracks. XLA can compile neither lookups nor cuDNN's recurrent layers.
        self.supports_jit = all(layer.supports_jit for layer in teacher._flatten_layers())
        self.temperature = _validation.check_number("temperature", temperature, above=0)
        self.label_weight = _validation.check_number("label_weight", label_weight, 0, 1)
        if self.temperature != 1 and not loss.reads_logits:
            raise ValueError(
                f"`temperature` must be 1 for {type(loss).__name__}, whose outputs are not logits. Received: "
                f"{temperature}."
            )

    @property
    def teacher(self):
        """The model whose predictions the student learns."""
        return self._teacher.model

    def __dir__(self):
        # Keras saves every attribute listed by `dir`, and with the teacher its optimizer.
        return [name for name in super().__dir__() if name != "teacher"]

    def build(self, input_shape):
        super().build(input_shape)
        inputs = self.symbolic_inputs(input_shape)
        check_raw_outputs("teacher", self.teacher, inputs)
        try:
            shape = tuple(self._teacher_logits(inputs).shape)
        except (ValueError, TypeError, AttributeError) as error:
            raise ValueError(
                f"`teacher` must map the student's inputs, of shape {input_shape}, to one output. Received: an error "
                f"from it: {error}"
            ) from error
        if len(shape) != self._outputs_rank or shape[-1] != self.loss.num_classes:
            axes = "batch" if self._outputs_rank == 2 else "batch, ..."
            raise ValueError(
                f"`teacher` must return logits [{axes}, {self.loss.num_classes}] of {self._outputs_rank} axes, for the "
                f"student's classes and positions. Received: outputs of shape {shape}. Pass a model that was trained "
                "on these classes."
            )
        if share_weights(self.network, self.teacher):
            raise ValueError(
                "`network` must not share weights with `teacher`, which training would change. To start from the "
                "teacher's weights, pass a clone: `keras.models.clone_model` and `set_weights`."
            )

    def data_loss(self, x, y, y_pred, sample_weight, training):
        loss = 0.0
        if self.label_weight > 0:
            loss = self.label_weight * super().data_loss(x, y, y_pred, sample_weight, training)
        if self.label_weight < 1:
            if not self._teacher.trained:
                raise ValueError(
                    "`teacher` must be trained. This model was made from a configuration, like a clone, which does not "
                    "hold the teacher's weights. Load a file of `save` or `save_weights`, or pass the teacher again."
                )
            targets = keras.ops.stop_gradient(keras.ops.softmax(self._teacher_logits(x) / self.temperature))
            student = _positions.with_mask_of(y_pred, keras.ops.cast(y_pred, self.loss.dtype) / self.temperature)
            weight = (1 - self.label_weight) * self.temperature**2
            if training and self.label_weight == 0:  # otherwise the state was updated with the labels above
                loss = weight * self.loss.training_loss(self.network, x, targets, student, sample_weight)
                self.loss.update_state(targets, y_pred, sample_weight)
            else:
                measure = self.loss if training else self.loss.evaluation_loss
                loss = loss + weight * measure(targets, student, sample_weight)
        return loss

    def _check_scale(self, name, features, training=False):
        super()._check_scale(name, features, training)
        if training and isinstance(self.teacher, NoisyLabelClassifier):
            self.teacher.scale_check("teacher's x", features)

    def _teacher_logits(self, x):
        return keras.ops.cast(class_logits(self.teacher, x), self.loss.dtype)

    def _teacher_parts(self):
        """Parts of the teacher that are saved; its random generators and its own teacher are not."""
        if isinstance(self.teacher, NoisyLabelClassifier):
            return [part for part in (self.teacher.network, self.teacher.loss_state) if part is not None]
        return [self.teacher]

    def save_own_variables(self, store):
        super().save_own_variables(store)
        for i, state in enumerate(layer_states(*self._teacher_parts())):
            for key, value in state.items():
                store[f"{_TEACHER}{i}_{key}"] = value

    def load_own_variables(self, store):
        super().load_own_variables(store)
        states = [{} for _ in layers_in(self._teacher_parts())]
        for key in store.keys():  # noqa: SIM118 (an H5 store)
            if key.startswith(_TEACHER):
                layer, name = key.removeprefix(_TEACHER).split("_", 1)
                states[int(layer)][name] = store[key]
        if any(states):  # a file of another classifier's weights has none
            set_layer_states(self._teacher_parts(), states)
            self._teacher.trained = True

    def get_config(self):
        teacher = self.teacher
        if isinstance(teacher, DistilledClassifier):  # its own teacher is not needed any more
            loss = type(teacher.loss).from_config(teacher.loss.get_config())
            teacher = NoisyLabelClassifier(teacher.network, loss)
        teacher = keras.saving.serialize_keras_object(teacher)
        teacher.pop("compile_config", None)  # inference needs no optimizer
        return {
            **super().get_config(),
            "teacher": teacher,
            "temperature": self.temperature,
            "label_weight": self.label_weight,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        teacher = keras.saving.deserialize_keras_object(config["teacher"], custom_objects=custom_objects)
        student = super().from_config({**config, "teacher": teacher}, custom_objects)
        student._teacher.trained = False
        return student


class _Untracked:
    """Holder that keeps Keras from tracking a model as a layer of the holder's owner."""

    def __init__(self, model):
        self.model = model
        self.trained = True
