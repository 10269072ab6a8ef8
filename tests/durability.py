"""Kills runs at random moments and continues them: `python -m tests.durability --kills 20`.

The weights at the end, and the metrics, must be those of the run that was never killed, to the bit.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from training import SPEC, best, last, losses, process, rows, same, write

SETTINGS = ("--set", "train.epochs=30", "--set", "train.save_every=2")
LIVES = 3
"""How many lives a run has at most for each that is killed: some end before they are."""


def wait(started: Any, seconds: float | None = None) -> int | None:
    started.join(seconds)
    return None if started.exitcode is None else int(started.exitcode)


def size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def live(args: tuple[Any, ...], run: Path, log: Path, chance: random.Random) -> int:
    """Start or continue a run and kill it: one time in four while it starts, else when it is at work."""
    before = size(run / "log.txt")
    started = process(*args, log=log)
    if chance.random() < 0.25:
        wait(started, chance.uniform(0.0, 1.0))
    else:
        while started.is_alive() and size(run / "log.txt") == before:
            time.sleep(0.005)
        wait(started, chance.uniform(0.0, 0.6))
    if started.exitcode is None:
        os.kill(started.pid, signal.SIGKILL)
    code = wait(started)
    assert code in (0, -signal.SIGKILL), log.read_text(encoding="utf-8")
    return code


def kill_and_continue(folder: Path, chance: random.Random, kills: int, report: Any = None) -> bool:
    """Whether runs that are killed `kills` times in all end as one that is not."""
    spec, log, killed = write(folder, SPEC), folder / "log.txt", 0
    whole = folder / "whole"
    assert wait(process(spec, "-o", whole, *SETTINGS, log=log)) == 0, log.read_text(encoding="utf-8")
    for number in range(LIVES * kills):
        run = folder / f"run{number}"
        args: tuple[Any, ...] = (spec, "-o", run, *SETTINGS)
        code: int | None = -signal.SIGKILL
        while code and killed < kills:
            code = live(args, run, log, chance)
            killed += code != 0
            if report is not None and code:
                report(f"kill {killed}: after step {len(losses(run)) if size(run / 'steps.csv') else 0}")
            args = ("--resume", run) if (run / "spec.yaml").is_file() else args
        assert wait(process(*args, log=log)) == 0, log.read_text(encoding="utf-8")
        if not (same(last(run), last(whole)) and same(best(run), best(whole)) and rows(run) == rows(whole)):
            return False
        if killed >= kills:
            return losses(run) == losses(whole)
    return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        held = kill_and_continue(Path(folder), random.Random(options.seed), options.kills, print)
    print("the same to the bit" if held else "DIFFERENT")
    return 0 if held else 1


if __name__ == "__main__":
    raise SystemExit(main())
