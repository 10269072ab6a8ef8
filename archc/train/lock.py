"""One run in a folder at a time."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

from archc.train.faults import fault, unwritable

try:
    import fcntl
except ImportError:  # Windows: two runs in one folder are not told apart there
    fcntl = None  # type: ignore[assignment]

NAME: Final = ".lock"
MOMENT: Final = 0.1
"""Seconds after which a lock that is held is tried again."""


class Lock:
    """A lock on a folder, until it is released or the process ends, however it does. Raises SpecError."""

    def __init__(self, folder: Path) -> None:
        try:
            self.file = os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise unwritable(folder / NAME, error) from None
        if fcntl is None:
            return
        try:
            self._take()
        except OSError:
            owner = os.read(self.file, 32).decode("ascii", "replace").strip()
            os.close(self.file)
            notes = (f"process {owner} on this machine or another",) if owner.isdigit() else ()
            help = "wait for it to end, or choose another folder by -o"
            raise fault("A0804", f"another run is at work in `{folder}`", folder, help, notes) from None
        os.truncate(self.file, 0)
        os.write(self.file, f"{os.getpid()}\n".encode())

    def _take(self) -> None:
        """Take the lock; who only looks whether a run is at work, `is_locked`, holds it for a moment. Raises OSError."""
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(MOMENT)
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def release(self) -> None:
        """Let others in."""
        os.close(self.file)


def is_locked(folder: Path) -> bool:
    """Whether a run is at work in a folder, as far as this machine can tell."""
    if fcntl is None:
        return False
    try:
        file = os.open(folder / NAME, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(file)
    return False
