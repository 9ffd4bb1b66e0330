"""Record of what made a result."""

import functools
import pathlib
import shlex
import subprocess
import sys

from tfp_noise._training.training_facts import environment


@functools.cache
def made_by():
    """Return command, commit and environment of this process, read once because the checkout may change meanwhile."""

    def git(*arguments):
        folder = pathlib.Path(__file__).parents[2]
        return subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, check=False
        ).stdout.strip()

    changed = " with uncommitted changes" if git("status", "--porcelain", "--", ".", ":!results") else ""
    return {
        "command": f"python -m {_module()} {shlex.join(sys.argv[1:])}".rstrip(),
        "commit": (git("rev-parse", "HEAD") or "unknown") + changed,
        **environment(),
    }


def _module():
    spec = sys.modules["__main__"].__spec__
    return spec.name if spec else pathlib.Path(sys.argv[0]).stem
