"""Start of a script, and where its output goes."""

import functools
import sys

import tensorflow as tf
from absl import app, logging
from rich.console import Console


def console(quiet=False):
    """Return the `rich.console.Console` for tables and messages, 170 wide where no terminal sets a width.

    It is the same at each call, because a display of progress erases lines that another console prints meanwhile.

    Args:
        quiet: bool, print nothing.
    """
    return Console(quiet=True) if quiet else _console()


@functools.cache
def _console():
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=170)


def quieten():
    """Keep remarks of the libraries from the output; TensorFlow warns of several prediction functions.

    A process that trains several models has one for each.
    """
    logging.set_verbosity(logging.WARNING)
    tf.get_logger().setLevel("ERROR")


def start(main):
    """Parse flags and run `main()`; an error that a user can mend is shown without a traceback, with status 1.

    Words that are no flags are refused before anything is done: `report runs` would rewrite another folder than meant.

    Args:
        main: a function without arguments.
    """

    def quietly(argv):
        if words := argv[1:]:
            sys.exit(
                f"Every argument must be a flag, --NAME=VALUE. Received: {' '.join(words)}. Nothing was done; "
                f"`python -m MODULE --help` lists the flags, such as --workdir={words[0]}."
            )
        quieten()
        try:
            main()
        except (ValueError, TypeError, FloatingPointError, OSError, tf.errors.OpError) as error:
            sys.exit(f"{type(error).__name__}: {error}")
        except KeyboardInterrupt:
            sys.exit(130)

    app.run(quietly)
