"""A network at one size of its input, where its spec allows several."""

from __future__ import annotations

from dataclasses import replace

from archc.analysis.replay import SizeFault, types_at
from archc.ir.graph import Graph


def at_sizes(graph: Graph, sizes: tuple[int, ...]) -> tuple[Graph, SizeFault | None]:
    """The graph with its axes fixed at `sizes`; as it was, with what refuses them, where it does not work there."""
    types, fault = types_at(graph, sizes)
    if fault is not None:
        return graph, fault
    axes = tuple(
        replace(axis, default=size, free=False, min=1, max=None, multiple_of=1)
        for axis, size in zip(graph.input.axes, sizes, strict=True)
    )
    return replace(graph, input=replace(graph.input, axes=axes), types=tuple(types)), None
