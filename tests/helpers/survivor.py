"""Trainings that are killed again and again; `write_report` says how they ended.

TensorFlow is imported once and not used in the process that forks; each training is a fork of it. Half of the kills
happen at random moments of a training, the other half while a file is written.
"""

import json
import multiprocessing
import os
import pathlib
import random
import signal
import time

import keras
import numpy as np

from tfp_noise import NoisyLabelClassifier, callbacks, datasets, losses, noise, pipeline
from tfp_noise._saving import atomic_files, checksums

EPOCHS = 8
K = 10

METHODS = {
    "online": lambda: losses.OnlineLabelSmoothing(K),
    "learnable": lambda: losses.LearnableLabelSmoothing(K, learning_rate=0.5),  # two optimizers
    "learnable_top": lambda: losses.LearnableLabelSmoothing(K, top=3),
    "noise": lambda: losses.NoiseAgainstNoise(K, sigma=0.5),
    "heteroscedastic": lambda: losses.Heteroscedastic(K, train_samples=5, test_samples=5),
}


def train(name, folder, started=lambda: None):
    """One training, resumed from the last backup; at its end `result.npz` has its weights and history."""
    keras.utils.set_random_seed(0)
    data = noise.corrupt_dataset(datasets.load("digits"), noise.symmetric(K, 0.4), seed=0)
    loss = METHODS[name]()
    layers = [keras.layers.Flatten(), keras.layers.Dense(16, "relu"), keras.layers.Dropout(0.3)]
    network = keras.Sequential([keras.Input([8, 8, 1]), *layers, keras.layers.Dense(loss.num_outputs)])
    model = NoisyLabelClassifier(network, loss)
    model.compile("adam", metrics=["accuracy"], jit_compile=False)
    backup = callbacks.BackupAndRestore(folder / "backup")
    batches = pipeline.batches(data, 64, seed=1, first_epoch=backup.epoch)
    others = [
        keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=0.2),
        keras.callbacks.EarlyStopping("val_loss", patience=EPOCHS, restore_best_weights=True),
        keras.callbacks.ModelCheckpoint(folder / "best.keras", "val_accuracy", save_best_only=True),
    ]
    history = model.fit(
        batches.train,
        steps_per_epoch=batches.steps_per_epoch,
        validation_data=batches.validation,
        epochs=EPOCHS,
        callbacks=[backup, *others, keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: started())],
        verbose=0,
    )
    arrays = [variable.numpy() for variable in [*model.variables, *model.optimizer.variables]]
    model.load_weights(folder / "best.keras")
    arrays += model.get_weights()
    text = np.array(json.dumps([history.epoch, history.history]))
    atomic_files.atomic_write(folder / "result.npz", lambda file: np.savez(file, text, *arrays))


def watch_files(at):
    """Calls `at()` when a file is half written, when it is written, and before it is renamed."""
    write, replace = checksums.write_with_checksum, pathlib.Path.replace

    def write_in_halves(path, content):
        path.write_bytes(content[: len(content) // 2])
        at()
        write(path, content)
        at()

    def wait_and_replace(self, target):
        at()
        return replace(self, target)

    checksums.write_with_checksum, pathlib.Path.replace = write_in_halves, wait_and_replace


def attempt(name, folder, trains, events, kill_at):
    """Runs in a fork; `trains` becomes 1 when training starts, `events` counts the calls by `watch_files`."""

    def at():
        events.value += 1
        if events.value == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def started():
        trains.value = 1

    os.dup2(os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    watch_files(at)
    train(name, folder, started)


def fork(name, folder, kill_at=0, seconds=None):
    """Trains in a fork, killed at an event or after seconds; returns exit code, seconds of training, and events."""
    folder.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("fork")
    trains, events = (context.Value("i", 0, lock=False) for _ in range(2))  # a killed process would keep the lock
    process = context.Process(target=attempt, args=(name, folder, trains, events, kill_at))
    process.start()
    while not trains.value and process.is_alive():
        time.sleep(0.005)
    begun = time.monotonic()
    process.join(seconds)
    process.kill()
    process.join()
    return process.exitcode, time.monotonic() - begun, events.value


def write_report(folder, kills, names):
    """Kills each method's training its share of times, until it has ended, as often as there are kills left.

    To be called in a process of its own that has started no TensorFlow; the report is `report.json` in the folder.
    """
    draw = random.Random(0)
    report = {"kills": 0, "in_a_write": 0, "resumed": 0, "trainings": 0, "different": []}
    for name in names:
        code, whole, events = fork(name, folder / name / "whole")
        assert code == 0, (folder / name / "whole" / "log").read_text()[-2000:]
        left, number = kills // len(names), 0
        while left:
            number += 1
            place = folder / name / str(number)
            while True:
                # A random moment in the epochs that are left.
                fraction = draw.random() * (1 - callbacks.BackupAndRestore(place / "backup").epoch / EPOCHS)
                at_event = {"kill_at": 1 + int(fraction * events)}
                moment = {"seconds": fraction * whole} if report["kills"] % 2 else at_event
                code, _, _ = fork(name, place, **(moment if left else {}))
                if code != -signal.SIGKILL:
                    assert code == 0, (place / "log").read_text()[-2000:]
                    break
                left -= 1
                report["kills"] += 1
                report["in_a_write"] += any(place.rglob(".*"))
                report["resumed"] += any(place.glob("backup/backup*"))
            report["trainings"] += 1
            if _contents(place / "result.npz") != _contents(folder / name / "whole" / "result.npz"):
                report["different"].append(f"{name} {number}")
    (folder / "report.json").write_text(json.dumps(report))


def _contents(path):
    with np.load(path) as stored:
        return [(value.dtype.str, value.shape, value.tobytes()) for value in stored.values()]
