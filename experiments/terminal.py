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
    """Parses flags and runs `main()`; errors that a user can mend are shown without a traceback, with status 1.

    Words that are no flags are refused before anything is done: `report runs` would rewrite another folder than meant.
    """

    def quietly(argv):
        if words := argv[1:]:
            sys.exit(
                f"Every argument must be a flag, --NAME=VALUE. Received: {' '.join(words)}. Nothing was done; "
                f"`python -m MODULE --help` lists the flags, such as --workdir={words[0]}."
            )
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
