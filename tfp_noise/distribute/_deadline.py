"""A time limit for TensorFlow's connection of workers, after all of them have reported to the chief."""

import contextlib
import faulthandler


@contextlib.contextmanager
def deadline(seconds):
    """Ends this process, with a message on its standard error, if the block takes longer than `seconds`.

    If a worker is lost at this point, TensorFlow waits forever and holds Python's interpreter lock, so that only a
    thread without Python code can end the process. `faulthandler` has one; it prints "Timeout" and the stack.
    """
    faulthandler.dump_traceback_later(seconds, exit=True, file=2)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def connect_workers_that_have_met(seconds, make):
    """Returns `make()`. Its name in the stack that `deadline` prints says when a worker was lost."""
    with deadline(seconds):
        return make()
