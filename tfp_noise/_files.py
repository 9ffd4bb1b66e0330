"""Files that are written whole or not at all."""

import os


def write_whole(path, write):
    """Calls `write(file)`; an interruption leaves no half-written file under the final name `path`."""
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
