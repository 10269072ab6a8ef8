"""The input sizes that a network takes, in words."""

from __future__ import annotations

from collections.abc import Iterator

from archc.analysis.axes import AxisRow, axis_rows
from archc.ir.graph import Graph


def axis_lines(row: AxisRow) -> Iterator[str]:
    """An axis for `archc show`: what is declared, what works, and why the nearest size that does not is refused."""
    axis = row.axis
    bounds = [f"from {axis.min}"] + ([f"to {axis.max}"] if axis.max else [])
    bounds += [f"in steps of {axis.multiple_of}"] if axis.multiple_of > 1 else []
    declared = f"free {' '.join(bounds)}, shown at {axis.default}" if axis.free else f"{axis.default}"
    differs = row.training.valid != row.inference.valid
    yield f"{axis.name}: {declared}; works for {row.inference}" + (f", in training {row.training}" if differs else "")
    yield from _reasons(row)


def valid_lines(graph: Graph) -> Iterator[str]:
    """The sizes for `archc validate`: axes that take the same sizes share a line."""
    rows = axis_rows(graph)
    alike: dict[tuple[str, str], list[AxisRow]] = {}
    for row in rows:
        alike.setdefault((str(row.inference), str(row.training)), []).append(row)
    for (inference, training), group in alike.items():
        names = " and ".join(row.axis.name for row in group)
        yield f"valid for {names}: {inference}" + (f"; in training {training}" if training != inference else "")
        yield from _reasons(group[0])


def _reasons(row: AxisRow) -> Iterator[str]:
    if row.inference.reason:
        yield f"  {row.inference.reason}"
    if row.training.reason not in ("", row.inference.reason):
        yield f"  in training {row.training.reason}"
    if row.freed:
        yield f"  to free it, write `{row.freed}`"
