"""The same work on many inputs in several processes: results in the order of the inputs, a process that dies costs one."""

from __future__ import annotations

import multiprocessing as mp
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Lost:
    """What stands for a result whose process ended on the way to it."""

    status: int | None
    """Its exit code, or minus the number of the signal that ended it."""


@dataclass(slots=True)
class _Worker:
    """A process, this end of the pipe to it, and the place of the input that it works on."""

    process: Any
    pipe: Connection
    at: int | None = None


@dataclass(slots=True)
class _Team(Generic[T, R]):
    """Processes that are each given one input at a time."""

    work: Callable[[T], R]
    inputs: Sequence[T]
    workers: list[_Worker] = field(default_factory=list)
    next: int = 0
    results: dict[int, R | Lost] = field(default_factory=dict)

    def start(self) -> None:
        """One process more, with an input."""
        # A copy of this process has everything imported; elsewhere than on Linux that is not safe.
        context: Any = mp.get_context("fork" if sys.platform == "linux" else "spawn")
        near, far = context.Pipe()
        others = [near, *(worker.pipe for worker in self.workers)] if sys.platform == "linux" else []
        process = context.Process(target=_serve, args=(far, self.work, self.inputs, others), daemon=True)
        with warnings.catch_warnings():
            # Python warns of copies where there are threads; those of libraries are no danger to what uses none of them.
            warnings.simplefilter("ignore", DeprecationWarning)
            with _no_interrupt():
                process.start()
                worker = _Worker(process, near)
                self.workers.append(worker)
        far.close()
        self.give(worker)

    def give(self, worker: _Worker) -> None:
        """Hand out the next input, or let the process end."""
        worker.at = self.next if self.next < len(self.inputs) else None
        with suppress(OSError):  # it has died: reading from it will tell
            worker.pipe.send(worker.at)
        self.next += worker.at is not None
        if worker.at is None:
            self.workers.remove(worker)
            worker.process.join()
            worker.pipe.close()

    def receive(self, worker: _Worker) -> None:
        """Take a result, or note that there will be none."""
        assert worker.at is not None
        try:
            failed, result = worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join()
            self.results[worker.at] = Lost(worker.process.exitcode)
            self.workers.remove(worker)
            worker.pipe.close()
            if self.next < len(self.inputs):
                self.start()
            return
        if failed:
            raise RuntimeError(f"in a process of its own:\n{result}")
        self.results[worker.at] = result
        self.give(worker)

    def stop(self) -> None:
        """End what still runs."""
        for worker in self.workers:
            worker.process.terminate()
        for worker in self.workers:
            worker.process.join()
            worker.pipe.close()


@contextmanager
def _no_interrupt() -> Iterator[None]:
    """An interrupt waits until a new process is known here and has made itself deaf to it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def each(work: Callable[[T], R], inputs: Sequence[T], jobs: int) -> Iterator[R | Lost]:
    """`work` of every input, in order, in at most `jobs` processes; in this one where that is 1.

    What `work` raises is raised here. Work and inputs must be picklable where processes are not copied.
    """
    if jobs <= 1 or len(inputs) <= 1:
        yield from map(work, inputs)
        return
    team = _Team(work, inputs)
    try:
        for _ in range(min(jobs, len(inputs))):
            team.start()
        for at in range(len(inputs)):
            while at not in team.results:
                by_pipe = {worker.pipe: worker for worker in team.workers}
                for pipe in wait(list(by_pipe)):
                    team.receive(by_pipe[pipe])  # type: ignore[index]
            yield team.results.pop(at)
    finally:
        team.stop()


def _serve(pipe: Connection, work: Callable[[T], R], inputs: Sequence[T], others: Sequence[Connection]) -> None:
    """What a process does: the inputs that it is told, until it is told none or nobody is there any more."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # an interrupt reaches all processes, and the first one ends the others
    for other in others:
        other.close()
    with suppress(EOFError, OSError):
        while (at := pipe.recv()) is not None:
            try:
                answer: tuple[bool, Any] = (False, work(inputs[at]))
            except Exception:
                answer = (True, traceback.format_exc())
            pipe.send(answer)
