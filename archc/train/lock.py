"""One run in a folder at a time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from archc.train.faults import fault, unwritable

try:
    import fcntl
except ImportError:  # Windows: two runs in one folder are not told apart there
    fcntl = None  # type: ignore[assignment]

NAME: Final = ".lock"


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
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.read(self.file, 32).decode("ascii", "replace").strip()
            os.close(self.file)
            notes = (f"process {owner} on this machine or another",) if owner.isdigit() else ()
            help = "wait for it to end, or choose another folder by -o"
            raise fault("A0804", f"another run is at work in `{folder}`", folder, help, notes) from None
        os.truncate(self.file, 0)
        os.write(self.file, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Let others in."""
        os.close(self.file)
