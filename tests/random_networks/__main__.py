"""Random networks as a command: `python -m tests.random_networks --networks 20000 --jobs 2`."""

from __future__ import annotations

import argparse
import sys
import time

from .generate import random_case
from .judge import judge
from .runner import Tally, run_parallel, shrunk, table


def main() -> int:
    """Run, print the table, and show every fault; 1 if there is one."""
    parser = argparse.ArgumentParser(prog="python -m tests.random_networks", description=__doc__)
    parser.add_argument("--networks", type=int, default=1000, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="of the first; the others follow")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--show", type=int, metavar="SEED", help="print one network and what is wrong with it")
    parser.add_argument("--shrink", action="store_true", help="make the networks with a fault small")
    arguments = parser.parse_args()
    if arguments.show is not None:
        return show(arguments.show, arguments.shrink)
    start, tally = time.perf_counter(), Tally()
    for tally in run_parallel(arguments.seed, arguments.networks, arguments.jobs):
        progress = f"{tally.networks} networks, {len(tally.faults)} faults, {time.perf_counter() - start:.0f} s"
        print(
            f"\r{progress} " if sys.stderr.isatty() else progress,
            end="" if sys.stderr.isatty() else "\n",
            file=sys.stderr,
        )
    print(table(tally))
    print(f"{time.perf_counter() - start:.0f} s in {arguments.jobs} processes")
    for seed, check, detail in tally.faults:
        print(f"\nseed {seed}: {check}: {detail}")
    if arguments.shrink:
        for seed in dict.fromkeys(seed for seed, *_ in tally.faults):
            print(f"\nseed {seed}, made small:\n{shrunk(random_case(seed)).text}")
    return 1 if tally.faults else 0


def show(seed: int, small: bool) -> int:
    """One network by its seed."""
    case = shrunk(random_case(seed)) if small else random_case(seed)
    found = judge(case)
    print(case.text)
    for check, detail in found.faults:
        print(f"{check}: {detail}")
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main())
