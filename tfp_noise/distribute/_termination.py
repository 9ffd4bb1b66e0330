"""An end at SIGTERM, which TensorFlow's coordination of workers keeps for itself and then does not heed."""

import os
import signal
import threading
from contextlib import suppress


def end_at_sigterm(worker):
    """Lets SIGTERM end this process, even while it waits for other workers within TensorFlow.

    A handler of the program's own gets the signal back, as soon as Python runs.

    Args:
        worker: text that names this process in the message.
    """
    if threading.current_thread() is not threading.main_thread():
        return  # Python sets handlers there alone
    own = signal.getsignal(signal.SIGTERM)
    if own is not signal.SIG_DFL:
        signal.signal(signal.SIGTERM, own)
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.signal(signal.SIGTERM, _heed)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)  # written at once, where a handler would wait for Python
    os.register_at_fork(after_in_child=_forget)
    threading.Thread(target=_wait, args=(reader, worker), daemon=True).start()


def _heed(*_):
    """The sign that nobody has set a handler since."""


def _wait(reader, worker):
    while number := os.read(reader, 1):
        if number[0] == signal.SIGTERM and signal.getsignal(signal.SIGTERM) is _heed:
            text = f"{worker} was ended by SIGTERM; the other workers end with an error that names it.\n"
            with suppress(OSError):
                os.write(2, text.encode())
            os._exit(128 + signal.SIGTERM)


def _forget():
    """A fork ends alone."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
