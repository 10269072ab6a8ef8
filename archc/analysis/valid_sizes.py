"""Which input sizes are valid, exactly, along one axis with the others at their defaults.

Each value's size is a staircase in the input's (see `steps`), each constraint of an op on it holds for a set of input sizes
(see `solve`), and the valid sizes are what all these sets have in common.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any, Final

from archc.analysis.replay import declared_channels, types_at
from archc.analysis.size_set import ALL, ValidSizes, union
from archc.analysis.solve import agree, at_least, broadcast, divisible, equal_to
from archc.analysis.steps import IDENTITY, KEEP, Rule, Steps, Undecided, constant, total
from archc.ir import ops
from archc.ir.graph import Graph, Node


def valid_sizes(graph: Graph, axis: int, training: bool = False) -> ValidSizes | None:
    """The valid sizes of spatial axis `axis`, in inference or with the training-only heads too; None if not decided."""
    walk = _Walk(graph, axis)
    try:
        for node in graph.nodes:
            if training or node.path in graph.inference_nodes:
                walk.step(node)
    except Undecided:
        return None
    if not walk.doubtful:
        return walk.good
    defaults = tuple(one.default for one in graph.input.axes)
    tried = [
        size
        for size in walk.doubtful
        if not types_at(graph, (*defaults[:axis], size, *defaults[axis + 1 :]), training)[1]
    ]
    return walk.good - union([(size, size) for size in walk.doubtful]) | union([(size, size) for size in tried])


def mixing_nodes(graph: Graph, axis: int) -> set[str]:
    """The paths at which it may depend on the other axes which sizes work along `axis`.

    Only a flatten brings axes together. A layer of a given width behind it asks for one product of sizes, each of which climbs
    along its axis, so each axis alone settles it; what splits such widths or compares their sums may not.
    """
    walk = _Walk(graph, axis)
    for node in graph.nodes:
        walk.step(node)
    return walk.mixing


class _Walk:
    """Carries the staircase of every value: of its size along the axis, or of its features behind a flatten."""

    def __init__(self, graph: Graph, axis: int) -> None:
        self.graph, self.axis = graph, axis
        self.good = ALL
        self.doubtful: set[int] = set()
        """Sizes at which a product is not as wide as its staircase says; they are few, and are tried."""
        self.mixing: set[str] = set()
        self._steps: dict[int, Steps] = {0: IDENTITY}
        self._sums: set[int] = set()
        self._asked: set[tuple[object, ...]] = set()
        self._made: dict[tuple[Rule, Steps], Steps] = {}

    def step(self, node: Node) -> None:
        """One node: its constraints, and its output's staircase. Raises Undecided."""
        steps = [self._steps[value] for value in node.inputs]
        joined = self._features if self.graph.types[node.inputs[0]].rank == 0 else self._map
        self._steps[node.output] = joined(node, steps)

    def _map(self, node: Node, steps: list[Steps]) -> Steps:
        """The size along the axis of what a node makes of maps."""
        op, (first, *others) = node.op, steps
        if isinstance(op, ops.Multiply):
            good, widest, doubtful = broadcast(steps)
            self.good &= good
            self.doubtful.update(doubtful)
            return widest
        for other in others:
            self._ask(agree, first, other)
        if isinstance(op, ops.Flatten):
            type_ = self.graph.types[node.inputs[0]]
            rest = prod(size for at, size in enumerate(type_.shape) if at != self._place(node.inputs[0]))
            return self._make(Rule(factor=rest), first)
        rule = rule_of(op, self.axis)
        if rule is KEEP:
            return first
        if isinstance(op, ops.Pad):
            self._ask(at_least, first, op.least(self.axis))
            if op.mode == "reflect":
                self._ask(at_least, first, 1 + max(op.before[self.axis], op.after[self.axis]))
        if isinstance(op, ops.AvgPool) and len(op.kernel_size) == 3:
            self._ask(at_least, first, op.kernel_size[self.axis])
        made = self._make(rule, first)
        self._ask(at_least, made, 1)
        return made

    def _features(self, node: Node, steps: list[Steps]) -> Steps:
        """The number of features that a node gives: behind a flatten they depend on the size, until a layer fixes them."""
        op, (first, *others) = node.op, steps
        moving = any(one.constant is None for one in steps)
        sums = moving and any(value in self._sums for value in node.inputs)
        if moving and ((sums and len(set(node.inputs)) > 1) or isinstance(op, ops.Chunk)):
            self.mixing.add(node.path)
        if moving and (sums or isinstance(op, ops.Concat)):
            self._sums.add(node.output)
        if isinstance(op, ops.Concat):
            return total(steps)
        for other in others:
            self._ask(agree, first, other)
        declared = declared_channels(op)
        if declared is not None:
            self._ask(equal_to, first, declared)
        if isinstance(op, ops.Linear):
            return constant(op.out_features)
        if isinstance(op, ops.Chunk):
            self._ask(divisible, first, op.chunks)
            return self._make(Rule(divisor=op.chunks), first)
        return first

    def _ask(self, constraint: Callable[..., ValidSizes], *args: object) -> None:
        """Keep the sizes at which a constraint holds."""
        if (constraint, *args) not in self._asked:
            self._asked.add((constraint, *args))
            self.good &= constraint(*args)

    def _make(self, rule: Rule, steps: Steps) -> Steps:
        made = self._made.get((rule, steps))
        if made is None:
            made = self._made[rule, steps] = steps.map(rule)
        return made

    def _place(self, value: int) -> int:
        """Where the axis stands in the shape of a value."""
        return self.axis + (self.graph.types[value].layout == "channels_first")


def rule_of(op: ops.Op, axis: int) -> Rule:
    """How an op maps a size along `axis`."""
    make = _RULES.get(type(op))
    return make(op, axis) if make is not None else KEEP


def _conv(op: ops.Conv, axis: int) -> Rule:
    reach = ops.window(op.kernel_size[axis], op.dilation[axis])
    return Rule(2 * op.padding[axis] - reach, op.stride[axis], plus=1)


def _conv_transpose(op: ops.ConvTranspose, axis: int) -> Rule:
    reach, stride = ops.window(op.kernel_size[axis], op.dilation[axis]), op.stride[axis]
    return Rule(factor=stride, plus=reach + op.output_padding[axis] - 2 * op.padding[axis] - stride)


def _pool(op: ops.MaxPool | ops.AvgPool, axis: int) -> Rule:
    dilation = op.dilation[axis] if isinstance(op, ops.MaxPool) else 1
    padding, stride, reach = op.padding[axis], op.stride[axis], ops.window(op.kernel_size[axis], dilation)
    if not op.ceil_mode:
        return Rule(2 * padding - reach, stride, plus=1)
    # Rounded up, but for a last window that would start beyond the input and its left padding: the lesser of two quotients.
    return Rule(min(2 * padding - reach + 2 * stride - 1, padding + stride - 1), stride)


def _adaptive(op: ops.AdaptiveAvgPool | ops.AdaptiveMaxPool, axis: int) -> Rule:
    return Rule(factor=0, plus=op.output_size[axis])


_RULES: Final[Mapping[type[ops.Op], Callable[[Any, int], Rule]]] = {
    ops.Conv: _conv,
    ops.ConvTranspose: _conv_transpose,
    ops.MaxPool: _pool,
    ops.AvgPool: _pool,
    ops.AdaptiveAvgPool: _adaptive,
    ops.AdaptiveMaxPool: _adaptive,
    ops.Pad: lambda op, axis: Rule(plus=op.before[axis] + op.after[axis]),
    ops.Upsample: lambda op, axis: Rule(factor=op.scale_factor[axis]),
    ops.PixelShuffle: lambda op, axis: Rule(factor=op.upscale_factor),
}
