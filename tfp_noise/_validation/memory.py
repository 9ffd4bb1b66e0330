"""A check of the bytes that an object keeps against the memory that this process may use."""

import contextlib
import os
import pathlib

_FRACTION_OF_RAM = 0.5
_LIMITS_OF_CONTAINER = "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"  # cgroup v2, and v1


def check_fits_ram(name, value, kept, needed, cure):
    """Refuses an argument that makes an object keep more bytes than half of RAM.

    Args:
        name: text, the argument's name.
        value: its value.
        kept: text, what takes the bytes, in the plural.
        needed: int, how many bytes these are.
        cure: sentence for the error.
    """
    most = _FRACTION_OF_RAM * ram()
    if needed > most:
        raise ValueError(
            f"`{name}` must be so small that {kept} fit into half of this machine's RAM, or of its container's, "
            f"{most:,.0f} bytes. Received: {value}, which makes them {needed:,} bytes. {cure}"
        )


def ram():
    """Bytes of memory of this machine, or of its container if that has less; infinity if the system does not say."""
    found = [float("inf")]
    with contextlib.suppress(AttributeError, OSError, ValueError):  # Windows has no `sysconf`
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for path in _LIMITS_OF_CONTAINER:
        with contextlib.suppress(OSError, ValueError):  # no such file, or "max"
            found.append(int(pathlib.Path(path).read_text()))
    return min(found)
