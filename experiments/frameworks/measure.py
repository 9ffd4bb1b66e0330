"""Training speed beside PyTorch's: `python -m experiments.frameworks.measure --python=PATH`.

PATH is a Python that has PyTorch; nothing is installed. Each speed is measured in a process of its own, ours and
PyTorch's in turn, on a Linux machine with nothing else to do. One JSON file a network; what is there already is not
measured again. The page is made of all files.
"""

import contextlib
import json
import os
import pathlib
import subprocess
import sys

from absl import flags

from experiments import results
from experiments.console import terminal
from experiments.evaluation import summaries
from tfp_noise import _validation

NETWORKS = {"lenet5": 256, "resnet8": 128, "resnet32": 128, "wrn28_2": 128}  # and images a step
TOGETHER, APART = "one process", "a process a core"
_HERE = pathlib.Path(__file__).parent
_CURE = "Install it in an environment of its own, `python -m venv TORCH; TORCH/bin/pip install torch --index-url "
_CURE += "https://download.pytorch.org/whl/cpu`, and pass `--python=TORCH/bin/python`."
_NOTE = """# Training speed beside PyTorch

Images a second of training on {cores} CPU cores ({processor}): {ours}, against {theirs}. Both train the same network
with cross-entropy and SGD with momentum, in float32, on batches that are in memory. Ours is
`NoisyLabelClassifier.fit` as experiments call it, without XLA and with several steps in a call; PyTorch's is a loop
over eager steps, with the faster one of its two orders of channels. *{together}* has a thread a core; *{apart}* is the
sum of processes that train at the same time, each with one thread on a core of its own, as two runs of a sweep do.
Of the turns, each in new processes, the fastest counts, and in each the median step.

Made by `python -m experiments.frameworks.measure --python=PATH`.

"""


def main():
    """Measure the networks of the flags that have no file, and write the page."""
    args = flags.FLAGS
    folder = pathlib.Path(args.results)
    for name in args.networks:
        _validation.check_choice("networks", name, NETWORKS, "network")
        path = folder / f"{name}.json"
        if not path.exists():
            _check_torch(args.python)
            found = measured(name, args.python, args.seconds, args.rounds)
            results.write_json(path, {**found, "made_by": results.made_by()})
    results.write_text(folder / "table.md", page(folder))


def measured(name, python, seconds, rounds):
    """Measure one network in both frameworks.

    Args:
        name: a key of `NETWORKS`.
        python: path of a Python that has PyTorch.
        seconds: float, for how long each process trains.
        rounds: int, how often the frameworks take turns.

    Returns:
        A dict: by arrangement and framework the images a second in each turn; the number of trainable parameters; the
        versions; the number of cores.

    Raises:
        ValueError: if the two networks do not have the same number of parameters.
    """
    arguments = [name, str(NETWORKS[name]), str(seconds)]
    commands = {
        "ours": [sys.executable, "-m", "experiments.frameworks.of_keras", *arguments],
        "pytorch": [python, str(_HERE / "pytorch" / "of_torch.py"), *arguments],
    }
    cores = sorted(os.sched_getaffinity(0))
    arrangements = {TOGETHER: [set(cores)], APART: [{core} for core in cores]}
    speeds = {arrangement: {framework: [] for framework in commands} for arrangement in arrangements}
    parameters, versions = {}, {}
    for _ in range(rounds):
        for arrangement, places in arrangements.items():
            for framework, command in commands.items():
                found = _side_by_side(command, places)
                speeds[arrangement][framework].append(round(sum(one["images"] for one in found), 1))
                parameters[framework], versions[framework] = found[0]["parameters"], found[0]["versions"]
    if len(set(parameters.values())) > 1:
        raise ValueError(f"Both networks must have the same number of parameters. Received: {parameters} for {name!r}.")
    return {"speeds": speeds, "parameters": parameters["ours"], "versions": versions, "cores": len(cores)}


def page(folder):
    """Return the page as Markdown, from the files in a folder."""
    found = {name: results.read_measured(folder / f"{name}.json") for name in NETWORKS}
    found = {name: one for name, one in found.items() if one}
    rows = [["network", "parameters", "processes", "turns", "ours", "PyTorch", "ours / PyTorch"]]
    for name, one in found.items():
        for arrangement, speeds in one["speeds"].items():
            ours, theirs = max(speeds["ours"]), max(speeds["pytorch"])
            row = [f"`{name}`, batch {NETWORKS[name]}", f"{one['parameters']:,}", arrangement, str(len(speeds["ours"]))]
            rows.append([*row, f"{ours:,.0f}", f"{theirs:,.0f}", f"{ours / theirs:.2f}"])
    facts = {
        "cores": _joined(one["cores"] for one in found.values()),
        "processor": _joined(one["made_by"]["processor"] for one in found.values()),
        "ours": _joined(one["versions"]["ours"] for one in found.values()),
        "theirs": _joined(one["versions"]["pytorch"] for one in found.values()),
    }
    return _NOTE.format(together=TOGETHER, apart=APART, **facts) + summaries.markdown_table(rows)


def _joined(values):
    """The different ones of some values as text."""
    return " or ".join(map(str, dict.fromkeys(values)))


def _side_by_side(command, places):
    """The outputs of processes that run a command at the same time, each on a set of cores."""

    def start(cores):
        place = [sys.executable, "-c", _PLACED, ",".join(map(str, cores)), *command]
        return subprocess.Popen(place, cwd=_HERE.parents[1], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(start(cores)) for cores in places]
        for process in processes:
            stack.callback(process.kill)  # after a failure or Ctrl-C; nothing happens to one that has ended
        return [_output(process, command) for process in processes]


def _output(process, command):
    output, errors = process.communicate()
    if process.returncode:
        raise ValueError(f"{command[0]} could not train the network; it ended with:\n{errors[-1000:]}")
    return json.loads(output.splitlines()[-1])


# A process on the cores of its first argument that becomes the command in the others.
_PLACED = (
    "import os, sys; os.sched_setaffinity(0, map(int, sys.argv[1].split(','))); os.execv(sys.argv[2], sys.argv[2:])"
)


def _check_torch(python):
    found = subprocess.run([python, "-c", "import torch"], capture_output=True, text=True, check=False)
    if found.returncode:
        raise ValueError(f"`--python` must be the path of a Python that has PyTorch. Received: {python!r}. {_CURE}")


if __name__ == "__main__":
    flags.DEFINE_string("python", sys.executable, "Python that has PyTorch.")
    flags.DEFINE_list("networks", list(NETWORKS), "Networks; all without it.")
    flags.DEFINE_float("seconds", 12.0, "For how long each process trains.")
    flags.DEFINE_integer("rounds", 2, "How often the frameworks take turns.")
    flags.DEFINE_string("results", "results/frameworks", "Folder for results.")
    terminal.start(main)
