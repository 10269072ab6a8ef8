"""The verdict test as a command: `python -m tests.verdict --networks 20000 --seed 0 --jobs 2`."""

from __future__ import annotations

import argparse
import sys

from .judge import judge
from .runner import case, run_parallel, table
from .shrink import shrunk
from .text import spec_text


def main() -> int:
    """Run, print the table, and show every disagreement; 1 if there is one."""
    parser = argparse.ArgumentParser(prog="python -m tests.verdict", description=__doc__)
    parser.add_argument("--networks", type=int, default=1000, help="how many, every other one mutated")
    parser.add_argument("--seed", type=int, default=0, help="of the first; the others follow")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--show", type=int, metavar="SEED", help="print the spec of one network and both verdicts")
    parser.add_argument("--shrink", action="store_true", help="make the networks with a disagreement small")
    arguments = parser.parse_args()
    if arguments.show is not None:
        return show(arguments.show, arguments.shrink)
    for tally in run_parallel(arguments.seed, arguments.networks, arguments.jobs):
        done = sum(tally.outcomes.values())
        if sys.stderr.isatty():
            print(f"\r{done} networks, {len(tally.disagreements)} disagreements ", end="", file=sys.stderr)
    print(table(tally))
    for seed, operator, kind, detail in tally.disagreements:
        print(f"\nseed {seed} ({operator or 'unchanged'}): {kind}: {detail}")
        if arguments.shrink:
            print(spec_text(shrunk(case(seed).net)))
    return 1 if tally.disagreements else 0


def show(seed: int, small: bool) -> int:
    """One network by its seed."""
    one = case(seed)
    net = shrunk(one.net) if small else one.net
    found = judge(net, seed)
    print(f"# operator: {one.operator or 'none'}\n{spec_text(net, seed)}")
    if found is None:
        print("too large to run")
        return 0
    theirs, ours, outcome = found
    print(f"torch: {theirs.refusal or 'runs'} {sorted(theirs.classes) or ''}")
    print(
        "archc: "
        + ("\n".join(f"{one.code} {one.span}: {one.message} ({one.label})" for one in ours.found) or "accepts")
    )
    print(f"outcome: {outcome.kind} {outcome.detail}")
    return 0 if outcome.agrees else 1


if __name__ == "__main__":
    sys.exit(main())
