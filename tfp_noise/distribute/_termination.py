"""A handler of SIGTERM that ends a worker: TensorFlow's coordination of workers catches that signal and ignores it."""

import os
import signal
import threading
from contextlib import suppress


def end_at_sigterm(worker):
    """Lets SIGTERM end this process, even while it waits for other workers within TensorFlow.

    If the program has a handler of its own, that one is installed again; it is called once Python code runs.

    Args:
        worker: text that names this process in the message.
    """
    if threading.current_thread() is not threading.main_thread():
        return  # Python sets handlers in the main thread only
    own = signal.getsignal(signal.SIGTERM)
    if own is not signal.SIG_DFL:
        signal.signal(signal.SIGTERM, own)
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.signal(signal.SIGTERM, _placeholder)
    # The signal's number is written at once, while a handler would wait for Python code to run.
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    os.register_at_fork(after_in_child=_forget)
    threading.Thread(target=_wait, args=(reader, worker), daemon=True).start()


def _placeholder(*_):
    """A handler that does nothing; while it is installed, the program has set none of its own."""


def _wait(reader, worker):
    while number := os.read(reader, 1):
        if number[0] == signal.SIGTERM and signal.getsignal(signal.SIGTERM) is _placeholder:
            text = f"{worker} was ended by SIGTERM; the other workers end with an error that names it.\n"
            with suppress(OSError):
                os.write(2, text.encode())
            os._exit(128 + signal.SIGTERM)


def _forget():
    """Restores the default handler in a forked process, which does not train."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
