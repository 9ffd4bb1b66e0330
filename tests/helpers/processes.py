"""Scripts and functions in new processes, forked from one that has imported TensorFlow, which takes 5 s."""

import json
import multiprocessing
import os
import pathlib
import runpy
import signal
import subprocess
import sys
import tempfile
import time

# The server imports modules but starts no TensorFlow device or thread pool: its forks behave like new processes.
# It does not import scripts, which are run once, as `__main__`, like by `python -m`.
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["tfp_noise", "matplotlib.pyplot", "sklearn.datasets", "rich.console"])


def _main(output, function, arguments):
    for descriptor, name in enumerate(("stdout", "stderr"), 1):
        with open(pathlib.Path(output, name), "wb") as file:
            os.dup2(file.fileno(), descriptor)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell makes commands in the background ignore Ctrl-C
    function(*arguments)


def _script(module, arguments):
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def start(output, function, *arguments):
    """A running `multiprocessing.Process` of `function(*arguments)`, which must be known by its module.

    It writes to files `stdout` and `stderr` in the folder `output`. Its environment is that of the first process that
    was started.
    """
    process = _forks.Process(target=_main, args=(output, function, arguments))
    process.start()
    return process


def start_script(output, module, *arguments):
    """A running `multiprocessing.Process` of `python -m module *arguments`, with files as in `start`."""
    return start(output, _script, module, [str(argument) for argument in arguments])


def _finished(start_it, name, *arguments):
    with tempfile.TemporaryDirectory() as output:
        process = start_it(output, name, *arguments)
        try:
            process.join(300)
        finally:
            process.kill()
            process.join()
        stdout, stderr = (pathlib.Path(output, stream).read_text() for stream in ("stdout", "stderr"))
    return subprocess.CompletedProcess([str(name), *arguments], process.exitcode, stdout, stderr)


def call(function, *arguments):
    """Calls `function(*arguments)` in a new process and waits for it; a status other than 0 is an error."""
    finished = _finished(start, function, *arguments)
    assert finished.returncode == 0, finished.stderr


def interrupted(process, workdir, pause):
    """Presses Ctrl-C so many seconds after the first finished run in `workdir`, and waits for the end.

    What is finished must be whole, and nothing half written may be left.
    """
    workdir = pathlib.Path(workdir)
    try:
        deadline = time.monotonic() + 120
        while not list(workdir.rglob("seed0.json")):
            assert process.is_alive()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        time.sleep(pause)
        os.kill(process.pid, signal.SIGINT)
        process.join(60)
    finally:
        process.kill()
    assert process.exitcode == 130
    for path in workdir.rglob("seed0.json"):
        assert json.loads(path.read_text())["scores"]["test_accuracy"] > 0
    assert not [path for path in workdir.rglob(".*") if path.is_file()]


def run_script(module, *arguments):
    """`subprocess.run` of `python -m module *arguments`, with status and what it wrote."""
    return _finished(start_script, module, *arguments)
