"""Whole processes: how long each took, and the most memory that it had."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Figure:
    """One process: seconds, those of the CPU, and MiB at the peak; `failed` where it did not exit with 0."""

    seconds: float
    cpu: float
    mib: float
    failed: bool


LAUNCHER = """
import json, os, sys, time
start = time.perf_counter()
child = os.fork()
if child == 0:
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)
    os.dup2(silence, 1)
    os.execv(sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(child, 0)
figures = time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, status != 0
print(json.dumps(figures))
"""
"""A process between this one and the command: a fork has the peak of what it was forked from, and this one is small."""


def measure(command: Sequence[str], folder: Path) -> Figure:
    """Run a command in `folder` as a process of its own, with nothing printed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), environment.get("PYTHONPATH", "")]))
    launcher = [sys.executable, "-I", "-S", "-c", LAUNCHER, *command]
    done = subprocess.run(launcher, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return Figure(*json.loads(done.stdout))


def in_turn(commands: Sequence[Sequence[str]], folder: Path, runs: int) -> list[list[Figure]]:
    """Each command `runs` times, one after the other in every round, after one round that does not count."""
    figures: list[list[Figure]] = [[] for _ in commands]
    for run in range(runs + 1):
        for kept, command in zip(figures, commands, strict=True):
            figure = measure(command, folder)
            kept += [figure] if run else []
    return figures


def median(figures: Sequence[Figure], field: str) -> float:
    """The median of one field."""
    return statistics.median(getattr(figure, field) for figure in figures)


def failed(figures: Sequence[Figure]) -> bool:
    """Whether any of them did not end well."""
    return any(figure.failed for figure in figures)


def archc(*arguments: str) -> list[str]:
    """`archc ARGUMENTS` with this interpreter."""
    return [sys.executable, "-m", "archc", *arguments]


def python(program: str) -> list[str]:
    """A program with this interpreter."""
    return [sys.executable, "-c", program]
