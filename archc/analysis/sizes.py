"""Why an input size is refused, and which sizes a free axis should allow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations, count, product
from math import lcm
from typing import Final

from archc.analysis.replay import SizeFault, types_at
from archc.analysis.size_set import ALL, LIMIT, ValidSizes, between, multiples
from archc.analysis.valid_sizes import mixing_nodes, valid_sizes
from archc.ir.graph import Axis, Graph

MAX_TRIED: Final = 50_000
"""How many ops may be run again where a proof is not found and each size is tried."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Free axes that allow a size which does not work, or of which that is not known."""

    axes: tuple[Axis, ...]
    fault: SizeFault | None
    """None where it is not decided."""
    valid: ValidSizes | None = None
    """The sizes that do work, if one axis is meant and they are known."""


def nearest_refused(graph: Graph, index: int, valid: ValidSizes, training: bool = False) -> SizeFault | None:
    """Why the size nearest to the default that is not in `valid` is refused, or None if every size works."""
    others, default = ALL - valid, graph.input.axes[index].default
    found = [size for size in (others.last(default), others.first(default)) if size is not None and size <= LIMIT]
    if not found:
        return None
    return _fault_at(graph, {index: min(found, key=lambda size: abs(size - default))}, training)


def _fault_at(graph: Graph, sizes: dict[int, int], training: bool = True) -> SizeFault | None:
    """What refuses some axes' sizes, the others at their defaults."""
    everywhere = tuple(sizes.get(at, axis.default) for at, axis in enumerate(graph.input.axes))
    return types_at(graph, everywhere, training)[1]


def refused_sizes(graph: Graph) -> Iterator[Refusal]:
    """For each free axis, the least size that it allows and at which the network does not work; then for axes together."""
    free = [index for index, axis in enumerate(graph.input.axes) if axis.free]
    decided = True
    for index in free:
        axis, valid = graph.input.axes[index], valid_sizes(graph, index, training=True)
        if valid is None:
            found = _tried(graph, [index])
        else:
            size = (allowed(axis) - valid).first()
            fault = None if size is None else _fault_at(graph, {index: size})
            assert (size is None) == (fault is None), "the proof and the rules agree on every size"
            found = Refusal((axis,), fault, valid) if fault is not None else None
        decided = decided and valid is not None and found is None
        if found is not None:
            yield found
    if decided and len(free) > 1:
        mixing = {index: mixing_nodes(graph, index) for index in free}
        together = sorted({index for a, b in combinations(free, 2) if mixing[a] & mixing[b] for index in (a, b)})
        found = _tried(graph, together) if together else None
        if found is not None:
            yield found


def _tried(graph: Graph, indices: list[int]) -> Refusal | None:
    """Run the rules at every combination of sizes that some axes allow, as far as that goes."""
    axes = tuple(graph.input.axes[index] for index in indices)
    ranges = [range(_least(axis, axis.min), (axis.max or LIMIT) + 1, axis.multiple_of) for axis in axes]
    budget = MAX_TRIED // max(len(graph.nodes), 1)
    for tried, sizes in zip(count(), product(*ranges)):
        if tried >= budget:
            return Refusal(axes, None)
        fault = _fault_at(graph, dict(zip(indices, sizes, strict=True)))
        if fault is not None:
            return Refusal(axes, fault)
    return None


def allowed(axis: Axis) -> ValidSizes:
    """The sizes that an axis allows."""
    return between(axis.min, axis.max or LIMIT) & multiples(axis.multiple_of)


def repaired(axis: Axis, valid: ValidSizes) -> Axis:
    """The axis with bounds that allow valid sizes only: in larger steps if all but a few of those are valid, else a range."""
    step = axis.multiple_of
    for part in range(1, valid.period + 1):
        wider = lcm(step, part)
        if valid.period % part == 0 and axis.default % wider == 0 and not (multiples(wider) - valid).tail:
            step = wider
            break
    bad = allowed(replace(axis, multiple_of=step)) - valid
    below, above = bad.last(axis.default), bad.first(axis.default)
    least = axis.min if below is None else _least(replace(axis, multiple_of=step), below + 1)
    return replace(axis, min=least, multiple_of=step, max=axis.max if above is None else above - step)


def written(axis: Axis) -> str:
    """An axis as a spec says it."""
    if axis.min == axis.max:
        return f"{axis.name}: {axis.default}"
    bounds = {"min": axis.min, "max": axis.max, "multiple_of": axis.multiple_of, "default": axis.default}
    fields = ", ".join(f"{key}: {size}" for key, size in bounds.items() if size not in (1, None) or key == "default")
    return f"{axis.name}: {{{fields}}}"


def _least(axis: Axis, bound: int) -> int:
    """The least multiple of an axis' step from a bound on."""
    return -(-bound // axis.multiple_of) * axis.multiple_of
