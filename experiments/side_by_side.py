"""Calls side by side, in processes that share the processor's cores among them.

Two processes of one core each train small networks faster than one process of two cores: no operation waits for the
slower of two threads.
"""

import concurrent.futures
import multiprocessing
import os
import signal
import threading

from experiments.console import progress, terminal


def check_jobs(jobs):
    """Return a number of processes that this machine has cores for.

    Args:
        jobs: int >= 1.

    Raises:
        ValueError: if there are fewer cores, or the system cannot tie a process to some of them.
    """
    cores = _cores() if jobs > 1 else [0]
    if jobs > len(cores):
        raise ValueError(
            f"--jobs should be at most the number of cores that this process may use, {len(cores)}. Received: {jobs}."
        )
    return jobs


def outcomes(function, items, jobs):
    """Call a function for each item in one of several processes, and yield what comes, in the order of its end.

    Args:
        function: a function of a module, of one argument.
        items: list of arguments; like what the function returns, they go through `pickle`.
        jobs: int, as `check_jobs` returns it.

    Yields:
        The index of an item, and what `function` returned.

    Raises:
        OSError: if a process ended in a call.
        KeyboardInterrupt: after Ctrl-C, once all calls have ended.
    """
    context = multiprocessing.get_context("spawn")
    shares, reports, stopped = context.SimpleQueue(), context.SimpleQueue(), context.Event()
    for job in range(jobs):
        shares.put(_cores()[job::jobs])
    pool = concurrent.futures.ProcessPoolExecutor(jobs, context, _begin, (shares, reports, stopped))
    with progress.shown_from(reports), pool:
        indices = {pool.submit(_call, function, item): index for index, item in enumerate(items)}
        try:
            for future in concurrent.futures.as_completed(indices):
                yield indices[future], future.result()
        except concurrent.futures.process.BrokenProcessPool as error:
            raise OSError(
                "A process of --jobs ended by itself, at its start or in its work, as the system ends one when memory "
                "is short. The same command goes on; with fewer --jobs it needs less memory."
            ) from error
        except BaseException:  # Ctrl-C, of which the terminal tells this process only
            stopped.set()  # for the calls that the pool has handed out ahead, which cannot be cancelled any more
            for process in multiprocessing.active_children():
                os.kill(process.pid, signal.SIGINT)
            pool.shutdown(cancel_futures=True)
            raise


def _cores():
    """The numbers of the cores that this process may use."""
    if not hasattr(os, "sched_getaffinity"):
        raise ValueError("--jobs above 1 needs Linux, which ties each process to cores of its own. Leave it out.")
    return sorted(os.sched_getaffinity(0))


def _begin(shares, reports, stopped):
    """Take cores before TensorFlow counts them; show progress in the first process, and end when that one does."""
    os.sched_setaffinity(0, shares.get())
    os.setpgrp()  # Ctrl-C then reaches the first process only, which passes it on
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    terminal.quieten()
    progress.show_in(reports)
    _call.stopped = stopped
    threading.Thread(target=_end_with_the_first, daemon=True).start()


def _end_with_the_first():
    multiprocessing.parent_process().join()
    os.kill(os.getpid(), signal.SIGKILL)


def _call(function, item):
    """The function's value; Ctrl-C counts only meanwhile, and ends calls that begin after it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        if _call.stopped.is_set():
            raise KeyboardInterrupt
        return function(item)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
