"""Audit of labels from loading to report, step by step."""

import contextlib
import dataclasses
import pathlib
import time
import warnings
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from tfp_noise import estimation, suspects
from tfp_noise._training.interruption import StopBetweenCalls
from tfp_noise._training.training_facts import described, environment
from tfp_noise.audit import backbones, comparison, data, networks, report, summary
from tfp_noise.audit.folder import MODEL, REPORT, SUMMARY, SUSPECTS, OutputFolder
from tfp_noise.audit.progress import Progress
from tfp_noise.audit.settings import Settings
from tfp_noise.audit.training import Training, default_epochs


def run(settings: Settings, out: pathlib.Path, progress: Progress) -> None:
    """Audits the labels of the data that the settings name.

    Args:
        settings: data and training.
        out: folder of the report; an interrupted audit in it goes on, and a finished one is not repeated.
        progress: shows the steps.

    Raises:
        ValueError, TypeError, OSError: if data, settings or folder cannot be used.
        KeyboardInterrupt: by Ctrl-C, at a point from which the same command goes on.
    """
    started, notes = time.monotonic(), list[str]()
    progress.start("data")
    with _noted(notes, progress):
        backbone = None
        if settings.backbone and settings.weights:
            backbone = backbones.load(settings.backbone, settings.weights)
        examples = data.load(settings)
        network_for = networks.find(settings.model, backbone is not None)
        if backbone:
            backbones.check_images(examples)
        epochs = settings.epochs or default_epochs(len(examples))
        settings = dataclasses.replace(settings, epochs=epochs)
        progress.say(f"      {examples.title}: {len(examples)} examples of {len(examples.class_names)} classes")
        with OutputFolder(out, _facts(settings, examples, backbone)) as folder, StopBetweenCalls() as stop:
            if folder.is_finished:
                progress.say(
                    f"This audit is finished: {folder.file(REPORT)}. Nothing was done. To repeat it, delete "
                    f"{str(out)!r}, or choose another --out."
                )
                return
            callbacks = (progress, stop)
            inputs = _features(backbone, examples, folder, callbacks) if backbone else examples
            training = Training(inputs, network_for(inputs), epochs, settings.seed, callbacks)
            _audit(settings, training, examples, backbone, folder, progress, notes, started)


def _features(backbone, examples, folder, callbacks):
    """The data with features of the images in place of these."""
    progress, _ = callbacks
    progress.start(f"features of each image by {backbone.name}")
    progress.expect(backbones.batches(len(examples)), "images")
    features = backbones.features(backbone.network, examples.features, folder.features, callbacks)
    return dataclasses.replace(examples, features=features)


def _audit(settings, training, examples, backbone, folder, progress, notes, started):
    """Everything after the data, written to the folder."""
    everything = np.arange(len(examples))
    train, held_out = comparison.split(examples.labels, settings.folds, settings.seed)
    progress.start(f"predictions for each example by a network that did not see it, {settings.folds} folds")
    _expect(progress, training, settings.folds, len(train), folder)
    probabilities = training.predicted_out_of_sample(settings.folds, folder.folds)
    progress.start("suspects")
    ranked = _ranked(probabilities, examples)
    transition = _transition(probabilities[train], examples.labels[train], examples.class_names)
    progress.say(f"      {summary.sentence(ranked)}")
    progress.start(f"comparison of {len(comparison.LOSSES)} losses on {len(held_out)} given labels held out")
    results = comparison.compare(training, transition.transition, train, held_out, folder)
    chosen = comparison.best(results)
    progress.start(f"training on all examples with {chosen.loss}")
    loss = comparison.LOSSES[chosen.loss](len(examples.class_names), transition.transition)
    model = training.trained(loss, everything).deployable()
    if backbone:
        model = backbones.joined(backbone.network, model, examples.features.shape[1:])
    progress.start("report")
    ranked.to_csv(folder.file(SUSPECTS), examples.ids, examples.class_names)
    model.save(folder.file(MODEL))
    found = summary.summarize(settings, examples, ranked, results, chosen, notes)
    found |= {
        "backbone": backbone and {name: getattr(backbone, name) for name in ("name", "weights", "sha256")},
        "made_by": environment(),
        "seconds": round(time.monotonic() - started, 1),
    }
    folder.write_text(REPORT, report.render(found, examples, ranked))
    folder.finish(found)
    progress.say(
        f"{found['sentence']} Open {folder.file(REPORT)}; beside it are the list, {SUSPECTS}, the model, {MODEL}, and "
        f"all numbers, {SUMMARY}."
    )


def _ranked(probabilities, examples):
    """The suspects, with warnings of data that give the labels away, and of networks that learn little."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`probabilities` should be of models that were not trained")
        ranked = suspects.rank(probabilities, examples.labels)
    agreement = summary.agreement(ranked)
    if agreement < summary.DOUBTED_BELOW:
        warnings.warn(
            f"The networks predicted {100 * agreement:.0f} % of the given labels. Either all others are wrong, or the "
            "networks have not learned the classes well enough, and the estimate is too high. Look at some suspects: "
            "how many of them are wrong? Longer training (`--epochs`) or another network (`--model`) may learn more.",
            stacklevel=2,
        )
    if agreement == 1:
        warnings.warn(
            "Every given label was predicted. Either none is wrong, or the features hold the given label, such as a "
            "column of its code. Leave such a column out: list the others in `--features`.",
            stacklevel=2,
        )
    return ranked


def _transition(probabilities, labels, class_names):
    """The transition for forward correction; what it is warned of concerns no other loss."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimated = estimation.from_confident_counts(probabilities, labels, class_names)
    for one in caught:
        if "condition number" not in str(one.message):  # which matters to backward correction
            warnings.warn(f"ForwardCorrection, one of the losses, takes a weak estimate. {one.message}", stacklevel=2)
    return estimated


def _facts(settings: Settings, examples: data.AuditedData, backbone: backbones.Backbone | None) -> dict[str, Any]:
    """Data and settings, by which an audit is told from another."""
    return {
        "features": described(examples.features),
        "labels": described(examples.labels),
        "classes": list(examples.class_names),
        "backbone": backbone and f"{backbone.name}, SHA-256 {backbone.sha256}",
        "model": settings.model
        and f"{settings.model}, CRC-32 {zlib.crc32(networks.file_of(settings.model).read_bytes()):08x}",
        **{name: getattr(settings, name) for name in ("folds", "epochs", "seed")},
    }


def _expect(progress, training, folds, num_train, folder):
    """Tells the progress how many batches are left to train."""
    finished = len(list(folder.folds.glob("fold_*.npz"))), len(folder.stored("comparison") or {})
    left = folds - finished[0] + len(comparison.LOSSES) - finished[1]
    progress.expect(left * training.batches(num_train) + training.batches(len(training.data)))
    if any(finished):
        progress.say(f"      goes on: {finished[0]} folds and {finished[1]} losses are there from before")


@contextlib.contextmanager
def _noted(notes: list[str], progress: Progress) -> Iterator[None]:
    """Shows the warnings of a block, each once, and adds them to the notes of the report."""

    def note(message, *_, **__):
        if str(message) not in notes:
            notes.append(str(message))
            progress.say(f"      note: {message}")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = note
        yield
