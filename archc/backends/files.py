"""Writes files whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


def write_whole(path: str | os.PathLike[str], data: bytes, keep_mode: bool = False) -> None:
    """Put `data` at `path`, or leave what is there; with the mode of what is there, if asked. Raises OSError."""
    mode = stat.S_IMODE(os.stat(path).st_mode) if keep_mode else None
    with staged(path) as file:
        if mode is not None and hasattr(os, "fchmod"):
            os.fchmod(file.fileno(), mode)
        file.write(data)


def is_device(path: str | os.PathLike[str]) -> bool:
    """Whether something that is no file is at `path`."""
    return os.path.exists(path) and not os.path.isfile(path)


@contextmanager
def staged(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file to write to that becomes `path` when the block ends well, and vanishes when it does not.

    It stands beside `path` until then, is synced before it takes the name, and has the mode that the umask gives. A
    symbolic link is followed; a device or a pipe, say /dev/stdout, cannot be replaced and is written to directly.
    """
    if is_device(path):  # which has no name of its own: that of a pipe behind /dev/stdout cannot be opened
        with open(path, "wb") as direct:  # a folder raises IsADirectoryError here
            yield direct
        return
    target = Path(os.path.realpath(path))
    beside = target.with_name(f".{target.name[:100]}.{secrets.token_hex(8)}.tmp")
    # not tempfile, whose files nobody else may read
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise
