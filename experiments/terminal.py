"""How the scripts start and speak."""

import sys

import tensorflow as tf
from absl import app, logging
from rich.console import Console


def console(quiet=False):
    """Where tables and messages go, or nowhere; wide where nobody's terminal sets a width."""
    found = Console(highlight=False, quiet=quiet)
    return found if found.is_terminal else Console(highlight=False, quiet=quiet, width=170)


def start(main):
    """Parses flags and runs `main()`; errors that a user can mend are shown without a traceback, with status 1."""

    def quietly(_):
        logging.set_verbosity(logging.WARNING)
        # A process that trains several models compiles a prediction function for each: no reason to warn.
        tf.get_logger().setLevel("ERROR")
        try:
            main()
        except (ValueError, TypeError, FloatingPointError, OSError, tf.errors.OpError) as error:
            sys.exit(f"{type(error).__name__}: {error}")
        except KeyboardInterrupt:
            sys.exit(130)

    app.run(quietly)
