"""Which input sizes are valid, exactly, along one axis with the others at their defaults.

Every op maps a size by floor((size + a) / s) + b, by a whole factor, or to a constant, so along any path
size(d + P) = size(d) + c for a period P that all paths share. Each value's size is thus a line in k for every residue r of
d = r + k P, every constraint bounds k from below or fixes it, and the valid set is decided by one period.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import lcm, prod
from typing import Final

from archc.ir import ops
from archc.ir.graph import Graph, Node

MAX_PERIOD: Final = 2048


@dataclass(frozen=True, slots=True)
class ValidSizes:
    """A set of sizes: for each residue of `period` in `since`, all from the size given there on; and `others` besides."""

    period: int
    since: dict[int, int]
    others: tuple[int, ...]

    def __contains__(self, size: int) -> bool:
        first = self.since.get(size % self.period)
        return (first is not None and size >= first) or size in self.others

    def __str__(self) -> str:
        return describe(self)

    def data(self) -> dict[str, object]:
        """As plain data: `from` the least size of each residue class, and single sizes besides."""
        classes = [{"residue": residue, "from": first} for residue, first in sorted(self.since.items())]
        return {"period": self.period, "classes": classes, "others": list(self.others)}


@dataclass(frozen=True, slots=True)
class Line:
    """A size as a function of the input's: at d = r + k P it is `base[r] + slope · k`."""

    base: tuple[int, ...]
    slope: int

    @property
    def constant(self) -> int | None:
        """The size, if it does not depend on the input's."""
        return self.base[0] if self.slope == 0 and len(set(self.base)) == 1 else None

    def map(self, function: Callable[[int], int], rate: Fraction) -> Line:
        """`function` of the size; `rate` is by how much it grows with it in the long run."""
        slope = self.slope * rate
        assert slope.denominator == 1, "the period is a multiple of every stride on the way"
        return Line(tuple(function(size) for size in self.base), int(slope))


class _Range:
    """The k that are still allowed, for each residue: from `low` on, or one alone, or none."""

    def __init__(self, period: int) -> None:
        # The least input size is 1: residue 0 begins at k = 1.
        self.low = [1] + [0] * (period - 1)
        self.only: list[int | None] = [None] * period
        self.none = [False] * period

    def at_least(self, line: Line, least: int) -> None:
        """Keep the k at which `line` is `least` or more."""
        for residue, size in enumerate(line.base):
            if line.slope > 0:
                self.low[residue] = max(self.low[residue], -((size - least) // line.slope))
            elif size < least:
                self.none[residue] = True

    def equal(self, a: Line, b: Line) -> None:
        """Keep the k at which both lines agree: all, one, or none."""
        slope = a.slope - b.slope
        for residue, (x, y) in enumerate(zip(a.base, b.base, strict=True)):
            if slope == 0:
                self.none[residue] = self.none[residue] or x != y
            elif (y - x) % slope:
                self.none[residue] = True
            else:
                k = (y - x) // slope
                self.none[residue] = self.none[residue] or self.only[residue] not in (None, k)
                self.only[residue] = k

    def sizes(self, period: int) -> ValidSizes:
        """The valid sizes."""
        since: dict[int, int] = {}
        others: list[int] = []
        for residue in range(period):
            only = self.only[residue]
            if self.none[residue]:
                continue
            if only is None:
                since[residue] = residue + self.low[residue] * period
            elif only >= self.low[residue]:
                others.append(residue + only * period)
        return _reduced(period, since, sorted(others))


def valid_sizes(graph: Graph, axis: int, training: bool = False) -> ValidSizes | None:
    """The valid sizes of spatial axis `axis`, in inference or with the training-only heads too.

    None where the period exceeds MAX_PERIOD.
    """
    nodes = [node for node in graph.nodes if training or node.path in graph.inference_nodes]
    period = _period(graph, nodes, axis)
    if period > MAX_PERIOD:
        return None
    walk = _Walk(graph, axis, period)
    for node in nodes:
        walk.step(node)
    return walk.range.sizes(period)


class _Walk:
    """Carries the line of every value's size along the axis, and of its channels behind a flatten."""

    def __init__(self, graph: Graph, axis: int, period: int) -> None:
        self.graph, self.axis, self.period = graph, axis, period
        self.range = _Range(period)
        self.sizes: dict[int, Line] = {0: Line(tuple(range(period)), period)}
        self.features: dict[int, Line] = {}

    def step(self, node: Node) -> None:
        """One node: its constraints, and its output's lines."""
        if node.inputs[0] in self.features:
            self._features(node)
            return
        if node.inputs[0] not in self.sizes:
            return
        lines = [self.sizes[value] for value in node.inputs]
        if isinstance(node.op, ops.Flatten):
            dims = self.graph.types[node.inputs[0]]
            rest = prod(size or 0 for at, size in enumerate(dims.spatial) if at != self.axis) * (dims.channels or 0)
            self.features[node.output] = lines[0].map(lambda size: size * rest, Fraction(rest))
            return
        if isinstance(node.op, ops.Pad):
            self.range.at_least(lines[0], node.op.least(self.axis))
            if node.op.mode == "reflect":
                self.range.at_least(lines[0], 1 + max(node.op.before[self.axis], node.op.after[self.axis]))
        if isinstance(node.op, ops.AvgPool) and self.graph.types[node.inputs[0]].rank == 3:
            self.range.at_least(lines[0], node.op.kernel_size[self.axis])
        out = self._merged(node.op, lines) if node.op.arity is None else self._mapped(node.op, lines[0])
        self.range.at_least(out, 1)
        self.sizes[node.output] = out

    def _mapped(self, op: ops.Op, line: Line) -> Line:
        function, rate = rule(op, self.axis)
        return line.map(function, rate)

    def _merged(self, op: ops.Op, lines: list[Line]) -> Line:
        if isinstance(op, ops.Multiply):
            lines = [line for line in lines if line.constant != 1] or lines[:1]
        for line in lines[1:]:
            self.range.equal(lines[0], line)
        return lines[0]

    def _features(self, node: Node) -> None:
        """Behind a flatten the channels depend on the size, until a linear layer fixes them."""
        period = self.period
        lines = [
            self.features.get(value) or _constant(self.graph.types[value].channels or 0, period)
            for value in node.inputs
        ]
        declared = declared_channels(node.op)
        if isinstance(node.op, ops.Concat):
            base = tuple(sum(sizes) for sizes in zip(*(line.base for line in lines), strict=True))
            self.features[node.output] = Line(base, sum(line.slope for line in lines))
            return
        for line in lines[1:]:
            self.range.equal(lines[0], line)
        if declared is not None:
            self.range.equal(lines[0], _constant(declared, period))
        if isinstance(node.op, ops.Chunk):
            self.range.equal(lines[0], _constant(self.graph.types[node.inputs[0]].channels or 0, period))
            self.features[node.output] = _constant(self.graph.types[node.output].channels or 0, period)
        elif not isinstance(node.op, ops.Linear):
            self.features[node.output] = lines[0]


CHANNEL_FIELDS: Final = ("in_channels", "in_features", "num_features", "num_channels", "num_parameters", "channels")
"""The fields of ops that fix the channels of their input."""


def declared_channels(op: ops.Op) -> int | None:
    """The channels that an op's tensors are made for, or None if it takes any."""
    if isinstance(op, ops.PReLU) and op.num_parameters == 1:
        return None
    return next((getattr(op, name) for name in CHANNEL_FIELDS if hasattr(op, name)), None)


def _constant(size: int, period: int) -> Line:
    return Line((size,) * period, 0)


Rule = tuple[Callable[[int], int], Fraction]


def rule(op: ops.Op, axis: int) -> Rule:
    """How an op maps a size along `axis`, on all integers, and the rate in the long run."""
    if isinstance(op, ops.Conv):
        shift = 2 * op.padding[axis] - ops.window(op.kernel_size[axis], op.dilation[axis])
        stride = op.stride[axis]
        return (lambda size: (size + shift) // stride + 1), Fraction(1, stride)
    if isinstance(op, ops.MaxPool | ops.AvgPool):
        return _pool(op, axis)
    if isinstance(op, ops.ConvTranspose):
        stride = op.stride[axis]
        shift = (
            ops.window(op.kernel_size[axis], op.dilation[axis])
            + op.output_padding[axis]
            - 2 * op.padding[axis]
            - stride
        )
        return (lambda size: size * stride + shift), Fraction(stride)
    if isinstance(op, ops.AdaptiveAvgPool | ops.AdaptiveMaxPool):
        out = op.output_size[axis]
        return (lambda size: out), Fraction(0)
    if isinstance(op, ops.Pad):
        more = op.before[axis] + op.after[axis]
        return (lambda size: size + more), Fraction(1)
    factor = (
        op.scale_factor[axis]
        if isinstance(op, ops.Upsample)
        else op.upscale_factor
        if isinstance(op, ops.PixelShuffle)
        else 1
    )
    return (lambda size: size * factor), Fraction(factor)


def _pool(op: ops.MaxPool | ops.AvgPool, axis: int) -> Rule:
    dilation = op.dilation[axis] if isinstance(op, ops.MaxPool) else 1
    padding, stride, ceil = op.padding[axis], op.stride[axis], op.ceil_mode
    reach = ops.window(op.kernel_size[axis], dilation)

    def size_out(size: int) -> int:
        if not ceil:
            return (size + 2 * padding - reach) // stride + 1
        out = -(-(size + 2 * padding - reach) // stride) + 1
        return out - 1 if (out - 1) * stride >= size + padding else out

    return size_out, Fraction(1, stride)


def _period(graph: Graph, nodes: Iterable[Node], axis: int) -> int:
    """The least P for which every value's size grows by a whole number from d to d + P."""
    rates: dict[int, Fraction] = {0: Fraction(1)}
    period = 1
    for node in nodes:
        known = [rates[value] for value in node.inputs if value in rates]
        if not known or isinstance(node.op, ops.Flatten):
            continue
        rate = max(known) if node.op.arity is None else known[0] * rule(node.op, axis)[1]
        rates[node.output] = rate
        period = lcm(period, rate.denominator)
        if period > MAX_PERIOD:
            break
    return period


def _reduced(period: int, since: dict[int, int], others: list[int]) -> ValidSizes:
    """The same set with the least period, and single sizes joined to a class that they continue downwards."""
    for shorter in range(1, period):
        if period % shorter == 0 and all((residue + shorter) % period in since for residue in since):
            joined: dict[int, int] = {}
            for residue in sorted({residue % shorter for residue in since}):
                parts = {key: first for key, first in since.items() if key % shorter == residue}
                joined[residue] = start = max(parts.values()) - period + shorter
                while start - shorter >= min(parts.values()) and _holds(since, period, start - shorter):
                    start -= shorter
                joined[residue] = start
                others += [size for first in parts.values() for size in range(first, start, period)]
            return ValidSizes(shorter, joined, tuple(sorted(others)))
    return ValidSizes(period, since, tuple(others))


def _holds(since: dict[int, int], period: int, size: int) -> bool:
    first = since.get(size % period)
    return first is not None and size >= first


def describe(found: ValidSizes) -> str:
    """The set in words: `every size from 33`, `multiples of 16 from 16`, `224 to 255`."""
    parts = []
    if found.since and len(found.since) == found.period:
        parts.append(_every(found))
    elif list(found.since) == [0]:
        parts.append(f"multiples of {found.period} from {found.since[0]}")
    elif found.since:
        stretches = [
            str(low) if low == high else f"{low} to {high}" for low, high in runs(sorted(found.since.values()))
        ]
        shown = ", ".join(stretches[:8]) + (", ..." if len(stretches) > 8 else "")
        parts.append(f"{shown}, and each of these plus a multiple of {found.period}")
    parts += [str(low) if low == high else f"{low} to {high}" for low, high in runs(found.others)]
    return ", ".join(parts) or "none"


def _every(found: ValidSizes) -> str:
    low = max(found.since.values()) - found.period + 1
    while low > 1 and low - 1 in found:
        low -= 1
    return f"every size from {low}"


def runs(sizes: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Consecutive sizes as (first, last)."""
    start = last = None
    for size in sizes:
        if last is not None and size == last + 1:
            last = size
            continue
        if start is not None and last is not None:
            yield start, last
        start = last = size
    if start is not None and last is not None:
        yield start, last
