"""The shape rules run again at another input size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import lcm

from archc.analysis.valid_sizes import ValidSizes, declared_channels, valid_sizes
from archc.ir.graph import Axis, Graph, Node
from archc.ir.ops import Violation
from archc.ir.types import TensorType


@dataclass(frozen=True, slots=True)
class SizeFault:
    """A size at which the network does not work: the node that refuses, and why."""

    sizes: tuple[int, ...]
    node: Node
    violation: Violation


def types_at(graph: Graph, sizes: tuple[int, ...]) -> tuple[list[TensorType], SizeFault | None]:
    """The type of every value at `sizes` along the spatial axes, up to the first node that refuses."""
    types = list(graph.types)
    types[0] = replace(graph.types[0], spatial=sizes)
    for node in graph.nodes:
        inputs = tuple(types[value] for value in node.inputs)
        fault = next(node.op.requires(*inputs), None) or _width(node, inputs)
        if fault is not None:
            return types, SizeFault(sizes, node, fault)
        types[node.output] = node.op.infer(*inputs)
    return types, None


def _width(node: Node, inputs: tuple[TensorType, ...]) -> Violation | None:
    """What has tensors behind a flatten takes as many features as the default size gives."""
    declared = declared_channels(node.op)
    if declared is None or inputs[0].channels == declared:
        return None
    message = f"{node.type} takes {declared} features, {inputs[0].channels} arrive"
    return Violation("A0312", message, help="pool to a fixed size before the flatten, say with `global_avg_pool`")


def first_refused(axis: Axis, valid: ValidSizes) -> int | None:
    """The least size that the axis allows and that is not in `valid`, or None if all of them are."""
    step = axis.multiple_of
    first = -(-axis.min // step) * step
    settled = max((*valid.since.values(), *valid.others, first)) + lcm(valid.period, step)
    last = settled if axis.max is None else min(settled, axis.max)
    return next((size for size in range(first, last + 1, step) if size not in valid), None)


def refused_sizes(graph: Graph) -> Iterator[tuple[Axis, SizeFault]]:
    """For each free axis, the least allowed size (the other axes at their defaults) at which the network does not work.

    An axis whose sizes repeat over a longer period than is decided is taken at its word.
    """
    defaults = tuple(axis.default for axis in graph.input.axes)
    for index, axis in enumerate(graph.input.axes):
        valid = valid_sizes(graph, index, training=True) if axis.free else None
        size = first_refused(axis, valid) if valid is not None else None
        if size is not None:
            _, fault = types_at(graph, (*defaults[:index], size, *defaults[index + 1 :]))
            assert fault is not None, "the proof and the rules agree on every size"
            yield axis, fault
