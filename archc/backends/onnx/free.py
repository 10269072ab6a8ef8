"""Which sizes of which values are free: not known until a run gives the input."""

from __future__ import annotations

from dataclasses import dataclass

from archc.ir import Graph, TensorType
from archc.ir.ops import AdaptiveAvgPool, AdaptiveMaxPool, Conv, ConvTranspose, Flatten, Linear, Multiply, Op


@dataclass(frozen=True, slots=True)
class Free:
    """The free sizes of one value; channels are free only once a free map is flattened."""

    channels: bool
    spatial: tuple[bool, ...]


def free_axes(graph: Graph) -> dict[int, Free]:
    """The free sizes of every value of `graph`."""
    free = {0: Free(False, tuple(axis.free for axis in graph.input.axes))}
    for node in graph.nodes:
        types = tuple(graph.types[value] for value in node.inputs)
        free[node.output] = _after(node.op, types, tuple(free[value] for value in node.inputs))
    return free


def _after(op: Op, types: tuple[TensorType, ...], inputs: tuple[Free, ...]) -> Free:
    first = inputs[0]
    match op:
        case AdaptiveAvgPool() | AdaptiveMaxPool():
            return Free(first.channels, (False,) * len(op.output_size))
        case Flatten():
            return Free(first.channels or any(first.spatial), ())
        case Conv() | ConvTranspose() | Linear():
            return Free(False, first.spatial)
        case Multiply():
            axes = range(types[0].rank)
            # a size of 1 that is fixed gives way to any other
            fixed = [
                any(not i.spatial[k] and t.spatial[k] != 1 for i, t in zip(inputs, types, strict=True)) for k in axes
            ]
            spatial = tuple(not fixed[k] and any(i.spatial[k] for i in inputs) for k in axes)
        case _:
            # where a fixed size meets a free one in a merge, the free one must equal it
            spatial = tuple(all(flags) for flags in zip(*(i.spatial for i in inputs), strict=True))
    return Free(any(i.channels for i in inputs), spatial)
