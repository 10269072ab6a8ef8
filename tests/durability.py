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

SETTINGS = ("--set", "train.epochs=6", "--set", "train.save_every=2")


def wait(started: Any, seconds: float | None = None) -> int | None:
    started.join(seconds)
    return None if started.exitcode is None else int(started.exitcode)


def kill_and_continue(folder: Path, chance: random.Random, kills: int, report: Any = None) -> bool:
    """Whether a run that is killed `kills` times ends as one that is not."""
    spec = write(folder, SPEC)
    log = folder / "log.txt"
    start = time.monotonic()
    assert wait(process(spec, "-o", folder / "whole", *SETTINGS, log=log)) == 0, log.read_text(encoding="utf-8")
    duration = time.monotonic() - start
    args: tuple[Any, ...] = (spec, "-o", folder / "run", *SETTINGS)
    for at in range(kills):
        started = process(*args, log=log)
        code = wait(started, chance.uniform(0.1, 1.1 * duration))
        if code is None:
            os.kill(started.pid, signal.SIGKILL)
            code = wait(started)
        if report is not None:
            report(
                f"kill {at + 1}: exit {code}, after step {len(losses(folder / 'run')) if (folder / 'run/steps.csv').is_file() else 0}"
            )
        assert code in (0, -signal.SIGKILL), log.read_text(encoding="utf-8")
        if (folder / "run" / "steps.csv").is_file():
            args = ("--resume", folder / "run")
        elif (folder / "run").exists():
            args = (spec, "-o", folder / "run", *SETTINGS)
    assert wait(process(*args, log=log)) == 0, log.read_text(encoding="utf-8")
    run, whole = folder / "run", folder / "whole"
    return same(last(run), last(whole)) and same(best(run), best(whole)) and rows(run) == rows(whole)


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
