"""Compares the shape rules with every sample that they can say."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from . import onnx_cases, torch_cases
from .case import Sample


@dataclass
class Comparison:
    """What came of it."""

    equal: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(source, operator) -> samples whose shape is the same."""
    excluded: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(source, operator) -> samples that our ops cannot say."""
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(source, reason) -> samples."""
    differing: list[Sample] = field(default_factory=list)


def compare() -> Comparison:
    """Every sample of both sources."""
    found = Comparison()
    for source, cases in (("onnx", onnx_cases.cases()), ("torch", torch_cases.cases())):
        for operator, _, case in cases:
            if not isinstance(case, Sample):
                found.excluded[source, operator] += 1
                found.reasons[source, str(case)] += 1
            elif case.fault:
                found.differing.append(case)
            else:
                found.equal[source, operator] += 1
    return found


def table(found: Comparison) -> str:
    """Samples by operator, and why some are left out."""
    rows = [f"{'source':8}{'operator':42}{'equal':>8}{'left out':>10}"]
    for source, operator in sorted({*found.equal, *found.excluded}):
        equal, excluded = found.equal[source, operator], found.excluded[source, operator]
        rows.append(f"{source:8}{operator:42}{equal:>8}{excluded:>10}")
    rows.append(f"{'':8}{'all':42}{found.equal.total():>8}{found.excluded.total():>10}, {len(found.differing)} differ")
    rows += ["", "left out, by reason:"]
    rows += [f"{count:6}  {source}: {reason}" for (source, reason), count in found.reasons.most_common()]
    return "\n".join(rows)
