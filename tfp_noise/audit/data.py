"""Data of an audit: features, given labels, and what the report shows of an example."""

import dataclasses
import pathlib

import numpy as np

from tfp_noise import datasets, noise
from tfp_noise.audit.settings import Settings
from tfp_noise.datasets import csv_columns
from tfp_noise.datasets.dataset import Dataset

HIDDEN_NOISE_RATE = 0.3


@dataclasses.dataclass(frozen=True)
class AuditedData:
    """Examples whose labels are audited.

    Args:
        title: text, the source.
        features: `[n, ...]`, inputs of networks, float32; images for a backbone as they are stored, uint8.
        labels: int `[n]`, the given labels.
        ids: `[n]`, identities of the examples.
        class_names: a name for each class.
        feature_names: a name for each column of a table; `None` for other data.
        true_labels: int `[n]`; `None` if nobody knows them.
        cells: text of a table by column, as it stands in the file; `None` for other data.
    """

    title: str
    features: np.ndarray
    labels: np.ndarray
    ids: np.ndarray
    class_names: tuple[str, ...]
    feature_names: tuple[str, ...] | None = None
    true_labels: np.ndarray | None = None
    cells: dict[str, list[str]] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def are_images(self) -> bool:
        """True for features `[n, height, width, channels]` with 1 or 3 channels."""
        return self.features.ndim == 4 and self.features.shape[-1] in (1, 3)


def load(settings: Settings) -> AuditedData:
    """Loads the data that the settings name.

    Raises:
        FileNotFoundError, ValueError, TypeError: as `datasets.from_csv`, `from_directory` and `load`; and if a class
            has fewer examples than there are folds.
    """
    cells = None
    if settings.images:
        found = datasets.from_directory(
            settings.images,
            settings.image_size,
            labels=settings.csv,
            file=settings.file or "file",
            label=settings.label or "label",
            class_names=settings.class_names,
            validation_share=0.0,
        )
        title = f"{settings.images}, labelled by {settings.csv}" if settings.csv else settings.images
    elif settings.csv and settings.label:
        found = datasets.from_csv(
            settings.csv,
            settings.label,
            settings.features,
            impute=settings.impute,
            class_names=settings.class_names,
            validation_share=0.0,
        )
        cells = csv_columns.read(pathlib.Path(settings.csv).expanduser())
        cells.pop(settings.label, None)
        title = settings.csv
    elif settings.dataset:
        found, title = datasets.load(settings.dataset, validation_share=0.0), settings.dataset
    else:
        found = _digits_with_hidden_noise(settings.seed)
        title = f"digits, of which {100 * HIDDEN_NOISE_RATE:.0f} % were given a wrong label on purpose"
    whole = found.train
    _check_sizes(whole.training_labels, found.class_names, settings.folds)
    return AuditedData(
        title,
        whole.features if settings.backbone else whole.inputs,
        whole.training_labels,
        whole.ids,
        found.class_names,
        found.feature_names,
        whole.labels if whole.observed is not None else None,
        cells,
    )


def _digits_with_hidden_noise(seed: int) -> Dataset:
    clean = datasets.load("digits", validation_share=0.0)
    transition = noise.symmetric(clean.num_classes, HIDDEN_NOISE_RATE, include_true=False)
    return noise.corrupt_dataset(clean, transition, seed)


def _check_sizes(labels, class_names, folds):
    """Refuses classes that cannot be in every fold, by their names."""
    sizes = np.bincount(labels, minlength=len(class_names))
    rare = [f"{size} of {class_names[one]!r}" for one, size in enumerate(sizes) if 0 < size < folds]
    if rare:
        listed = ", ".join(rare[:10]) + (f" and {len(rare) - 10} more classes" if len(rare) > 10 else "")
        least = sizes[sizes > 0].min()
        cure = f"Pass --folds={least}, or leave" if least > 1 else "Leave"
        raise ValueError(
            f"Each class must have at least as many examples as there are folds, {folds}. Received: {listed}. {cure} "
            "the examples of those classes out."
        )
