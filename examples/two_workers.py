# %% [markdown]
# # Two workers on one machine
#
# Does a program for several machines work, before there are several machines?
#
# Two processes on this machine stand for two machines. They train one model: each gets half of every batch, and both
# end with the same weights. On a cluster the worker program is the same; Slurm or TF_CONFIG then says who is who.

# %% tags=["parameters"]
epochs = 5
num_workers = 2

# %% [markdown]
# ## The worker program
#
# The strategy comes first, before anything else of TensorFlow. `fit` gets the same data on every worker.

# %%
WORKER = """
import sys

import keras

from tfp_noise import NoisyLabelClassifier, callbacks, datasets, distribute, losses, metrics, noise

addresses, index, epochs = sys.argv[1].split(","), int(sys.argv[2]), int(sys.argv[3])
strategy = distribute.strategy("multi_worker", cluster=distribute.Cluster(addresses, index))

keras.utils.set_random_seed(0)
clean = datasets.load("digits")
data = noise.corrupt_dataset(clean, noise.symmetric(clean.num_classes, rate=0.4), seed=0)
size = len(data.train) // 64 * 64  # whole batches, which the workers can divide
with strategy.scope():
    loss = losses.OnlineLabelSmoothing(data.num_classes)
    layers = [keras.layers.Flatten(), keras.layers.Dense(128, "relu"), keras.layers.Dense(loss.num_outputs)]
    model = NoisyLabelClassifier(keras.Sequential([keras.Input(data.input_shape), *layers]), loss)
    model.compile("adam", metrics=["accuracy"])
model.fit(
    data.train.inputs[:size],
    data.train.observed[:size],
    batch_size=64,  # of all workers together
    epochs=epochs,
    callbacks=[callbacks.BackupAndRestore("backup")],  # the chief writes; after a lost worker start all of them again
    verbose=0,
)
accuracy = metrics.accuracy(model.predict(data.test.inputs, verbose=0), data.test.labels)
weights = sum(float(abs(weight).sum()) for weight in model.get_weights())
print(f"worker {index}: {accuracy:.1%} of test images right, sum of absolute weights {weights:.6f}")
if distribute.is_chief(strategy):
    model.save("model.keras")
"""

# %% [markdown]
# ## Starting both
#
# A port that the system says is free will do as an address here; on machines it is `host:port`.

# %%
import os
import pathlib
import socket
import subprocess
import sys

pathlib.Path("worker.py").write_text(WORKER, encoding="utf-8")
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(num_workers)]
addresses = ",".join(f"127.0.0.1:{one.getsockname()[1]}" for one in sockets)
for one in sockets:
    one.close()
environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}  # one GPU cannot be two workers'
workers = [
    subprocess.Popen(
        [sys.executable, "worker.py", addresses, str(index), str(epochs)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for index in range(num_workers)
]
try:
    for worker in workers:
        printed, errors = worker.communicate(timeout=600)
        if worker.returncode:
            raise RuntimeError(f"A worker ended with status {worker.returncode}:\n{errors}")
        print(printed, end="")
finally:
    for worker in workers:
        worker.kill()  # after a failure; nothing happens to one that has ended

# %% [markdown]
# Both lines have the same weights to the last digit that is printed: the workers hold one model. The chief has saved
# it.

# %%
print(sorted(path.name for path in pathlib.Path().iterdir()))

# %% [markdown]
# ## What can go wrong
#
# - A worker that does not start: the others wait for it by its address, and say which one is missing when their time is
#   up.
# - A batch that the workers cannot divide is refused; `batch_size` is that of all workers together.
# - Workers with other data, seeds or settings: `fit` compares them first, and refuses.
#
# ## Next
#
# [Many devices](../docs/many_devices.md).
