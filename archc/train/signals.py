"""SIGTERM and SIGINT end a run after the step that is being made, or at once before the first; a second SIGINT at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

WATCHED: Final = (signal.SIGTERM, signal.SIGINT)


class Stopped(Exception):
    """A run was ended by a signal, and has saved what it had."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class Terminated(KeyboardInterrupt):
    """SIGTERM came when there was nothing to save yet; it passes where Ctrl-C does."""


@contextmanager
def terminable() -> Iterator[None]:
    """Within it SIGTERM raises Terminated, so that what was begun is put in order, as SIGINT raises KeyboardInterrupt."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class Signals:
    """Notes the first signal that asks the process to end."""

    def __init__(self) -> None:
        self.received = 0
        self._before: dict[int, Any] = {}

    def watch(self) -> None:
        """Begin, or begin again where another library has put its own handlers."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in WATCHED:
            handler = signal.signal(number, self._note)
            self._before.setdefault(number, handler)

    def leave(self) -> None:
        """Put back the handlers that there were."""
        if threading.current_thread() is threading.main_thread():
            for number, handler in self._before.items():
                signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.received and number == signal.SIGINT:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)  # an exception would be caught by those who end a run in good order
        self.received = self.received or number
