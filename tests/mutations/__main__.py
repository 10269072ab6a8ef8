"""`python -m tests.mutations --count 5000`: many mistakes in the text of specs, and a table of what archc says of them."""

from __future__ import annotations

import argparse
from time import process_time

from archc.diagnostics.render import to_text

from . import several
from .judge import Result, Tally, Verdict, run


def row(name: str, tally: Tally) -> str:
    share = f"{100 * tally.named / max(1, tally.made):6.1f} {100 * tally.primary / max(1, tally.made):6.1f}"
    rate = tally.diagnostics / max(1, tally.made)
    return (
        f"{name:36} {tally.made:6} {tally.rejected:8} {share} {100 * tally.coded / max(1, tally.made):6.1f} {rate:6.2f}"
    )


def table(result: Result) -> str:
    """The counts of each operator and of all."""
    head = f"{'operator':36} {'made':>6} {'rejected':>8} {'named%':>6} {'caret%':>6} {'code%':>6} {'each':>6}"
    rows = [row(name, tally) for name, tally in sorted(result.tallies.items())]
    return "\n".join([head, *rows, row("all", result.total)])


def shown(verdict: Verdict) -> str:
    """A mutant with its guilty lines and what was said of it."""
    lines = verdict.mutant.text.splitlines()
    out = [f"##### {verdict.mutant.source}"]
    for fault, guilty in verdict.mutant.faults:
        out.append(
            f"## {fault.operator}: "
            + " / ".join(f"{n}: {lines[n - 1][:150] if n <= len(lines) else ''}" for n in sorted(guilty))
        )
    return "\n".join([*out, to_text(verdict.found)])


def told(result: several.Several, show: int) -> str:
    """The counts of specs with several mistakes."""
    out = [shown(verdict) for verdict in result.lost[:show]]
    out += ["MORE THAN FAULTS\n" + shown(verdict) for verdict in result.stray[:show]]
    for name, count in result.lost_by_operator.most_common():
        if count:
            out.append(f"{name:36} {result.by_operator[name]:6} {count:6} not reported")
    out.append(
        f"{result.mutants} specs, {result.faults} faults: {100 * result.recall:.2f}% reported "
        f"({100 * result.caret / result.faults:.2f}% by a caret), {result.each:.3f} diagnostics per fault, "
        f"{result.strays} diagnostics that name no fault's line"
    )
    return "\n".join(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", default=[], help="an operator; may be repeated")
    parser.add_argument("--show", type=int, default=3, help="how many to show of each kind that is not as wished")
    parser.add_argument("--several", action="store_true", help="two to five mistakes in each spec")
    options = parser.parse_args()
    start = process_time()
    if options.several:
        print(told(several.run(options.seed, options.count), options.show))
        print(f"{process_time() - start:.1f} s of CPU")
        return
    result = run(options.seed, options.count, tuple(options.only))
    for mutant in result.accepted[: options.show]:
        print("ACCEPTED", shown(Verdict(mutant, [])), mutant.text, sep="\n")
    for title, verdicts in (("NOT NAMED", result.unnamed), ("CODE", result.miscoded), ("SEVERAL", result.several)):
        for verdict in verdicts[: options.show]:
            print(title, shown(verdict), sep="\n")
    print(table(result))
    print(f"{process_time() - start:.1f} s of CPU")


if __name__ == "__main__":
    main()
