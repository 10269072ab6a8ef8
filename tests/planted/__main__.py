"""Plants each fault in turn and prints what finds it: `python -m tests.planted [NAME ...]`.

Each fault is put to its own least network, and to the test files that are about its module, in a process of its own.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Iterator

import torch

from tests.random_networks.generate import case_of
from tests.random_networks.judge import judge

from .faults import FAULTS, Fault
from .plant import planted
from .plugin import VARIABLE

FAILED = re.compile(r"^FAILED (\S+)", re.MULTILINE)


def found_on_its_network(fault: Fault) -> list[str]:
    """The checks that see a fault on its network."""
    with planted(fault):
        return sorted({check for check, _ in judge(case_of(fault.net, 0)).faults})


def found_by_the_suite(fault: Fault) -> list[str]:
    """The first test that fails in the test files about the module."""
    command = [sys.executable, "-m", "pytest", "-x", "-n", "0", "-p", "no:randomly", "-p", "tests.planted.plugin"]
    environment = {**os.environ, VARIABLE: fault.name}
    done = subprocess.run([*command, *fault.suite], env=environment, capture_output=True, text=True, check=False)
    return FAILED.findall(done.stdout)


def rows(faults: list[Fault], suite: bool) -> Iterator[tuple[Fault, list[str], list[str]]]:
    for fault in faults:
        yield fault, found_on_its_network(fault), found_by_the_suite(fault) if suite else []


def main() -> int:
    """Print the table; 1 if a fault is not found."""
    parser = argparse.ArgumentParser(prog="python -m tests.planted", description=__doc__)
    parser.add_argument("names", nargs="*", help="parts of the names of faults; all without")
    parser.add_argument("--no-suite", action="store_true", help="put them to their own networks only")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    chosen = [one for one in FAULTS if not arguments.names or any(part in one.name for part in arguments.names)]
    missed = 0
    print(f"{'fault':44}{'where':52}{'seen on its network by':34}{'first test that fails'}")
    for fault, checks, tests in rows(chosen, not arguments.no_suite):
        where = f"{fault.module.removeprefix('archc.')}.{fault.function}"
        missed += not checks or not (tests or arguments.no_suite)
        seen, first = ", ".join(checks) or "NOTHING", ", ".join(tests[:1]) or ("-" if arguments.no_suite else "NOTHING")
        print(f"{fault.name:44}{where:52}{seen:34}{first}", flush=True)
    print(f"{len(chosen) - missed} of {len(chosen)} found")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
