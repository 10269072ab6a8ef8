"""Commands as processes of their own, with the CPU time and the memory that each took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import archc

LAUNCHER = """
import json, os, resource, signal, sys
child = os.fork()
if child == 0:
    resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
    signal.alarm(120)
    os.execv(sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(child, 0)
figures = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)
os.write(3, json.dumps(figures).encode())
"""
"""A process between this one and the command: a fork keeps the peak of what it was forked from, and this one is small."""


class Figure(NamedTuple):
    """What a command took, from its start to its end, and what it said."""

    seconds: float
    """Of the CPU, in user and system mode."""
    mib: float
    """The most memory that was resident at once."""
    code: int
    out: str
    err: str


def measure(command: list[str], folder: Path, stdin: Path | None = None) -> Figure:
    """Run `command` in `folder` and wait for it; it is ended after 20 s of CPU time or 120 s."""
    root = str(Path(archc.__file__).resolve().parent.parent)
    environment = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "PYTHONUTF8")}
    environment |= {"PYTHONPATH": root, "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
    reading, writing = os.pipe()
    script = f"import os; os.dup2({writing}, 3){LAUNCHER}"
    try:
        with Path(stdin or os.devnull).open("rb") as given:
            done = subprocess.run(
                [sys.executable, "-I", "-S", "-c", script, *command],
                cwd=folder,
                env=environment,
                stdin=given,
                capture_output=True,
                pass_fds=(writing,),
                check=True,
            )
        seconds, mib, code = json.loads(os.read(reading, 1000))
    finally:
        os.close(reading)
        os.close(writing)
    out, err = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    return Figure(seconds, mib, code, out, err)


def archc_command(*arguments: str) -> list[str]:
    """`archc ARGUMENTS` with this interpreter."""
    return [sys.executable, "-m", "archc", *arguments]
