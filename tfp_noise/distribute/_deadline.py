"""An end to the wait for workers that were lost after all had met and before TensorFlow has connected them."""

import contextlib
import faulthandler


@contextlib.contextmanager
def deadline(seconds):
    """Ends this process, with a message on its standard error, if the block takes longer.

    TensorFlow waits without end there and lets no Python run, so that only a thread that needs none can end it: that of
    `faulthandler`, whose message is "Timeout" and the functions that were at work.
    """
    faulthandler.dump_traceback_later(seconds, exit=True, file=2)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def connect_workers_that_have_met(seconds, make):
    """`make()`, named for the message: a timeout here says that a worker was lost after the meeting."""
    with deadline(seconds):
        return make()
