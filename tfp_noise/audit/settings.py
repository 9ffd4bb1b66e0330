"""Settings of an audit: where the data come from, and how networks are trained on them."""

import dataclasses

from tfp_noise import _validation

_ONLY_WITH = {
    "label": ("csv",),
    "features": ("csv",),
    "impute": ("csv",),
    "file": ("images", "csv"),
    "image_size": ("images",),
    "backbone": ("weights",),
    "weights": ("backbone",),
}


@dataclasses.dataclass(frozen=True)
class Settings:
    """Choices of the user, each named like its flag.

    Args:
        csv: path of a table; with `images`, of a list of their labels.
        label: its column of given labels.
        class_names: all classes in their order; `None` for those that occur.
        features: its columns to learn from; `None` for all others.
        impute: fill missing cells.
        images: path of a folder of images, with a folder for each class where no `csv` has the labels.
        file: column of `csv` that names the images, "file" by default.
        image_size: height and width to which images are resized; `None` for images of one size.
        dataset: name of a data set of `datasets.load`. Without any source, digits with hidden noise are audited.
        backbone: name of a network in `keras.applications`, which makes features of images.
        weights: path of its weights.
        model: `path/to/file.py:function`, whose function returns a network; `None` for a small one.
        folds: number of parts, each of which is predicted by a model that was trained on the others.
        epochs: number of epochs of each training; `None` for a number by the size of the data.
        seed: seed of folds, weights and order.

    Raises:
        ValueError: if the settings do not fit one another, or a number is out of range.
    """

    csv: str | None = None
    label: str | None = None
    class_names: tuple[str, ...] | None = None
    features: tuple[str, ...] | None = None
    impute: bool = False
    images: str | None = None
    file: str | None = None
    image_size: int | None = None
    dataset: str | None = None
    backbone: str | None = None
    weights: str | None = None
    model: str | None = None
    folds: int = 5
    epochs: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        sources = [f"--{name}" for name in ("csv", "images", "dataset") if getattr(self, name)]
        if len(sources) > 1 and self.dataset:
            raise ValueError(f"One source of data is audited at a time. Received: {' and '.join(sources)}. Pass one.")
        for name, others in _ONLY_WITH.items():
            missing = [f"`--{other}`" for other in others if not getattr(self, other)]
            if getattr(self, name) and missing:
                raise ValueError(
                    f"`--{name}` belongs to {' and '.join(f'`--{other}`' for other in others)}. Received: --{name} "
                    f"without {' and '.join(missing)}. Pass all."
                )
        for name in ("features", "impute"):
            if self.images and getattr(self, name):
                raise ValueError(f"`--{name}` is for tables. Received: --{name} with --images. Leave one out.")
        if self.csv and not self.label:
            raise ValueError("`--label` must name the column of the given labels. Received: --csv without it.")
        _validation.check_int("--folds", self.folds, 2)
        _validation.check_seed(self.seed)
        if self.epochs is not None:
            _validation.check_int("--epochs", self.epochs, 1)
