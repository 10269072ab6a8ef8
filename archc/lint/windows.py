"""Warnings about windows over the map at its default size: rows that none reaches, kernels that lie on padding."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from archc.ir import ops
from archc.ir.ops import axis_name, window
from archc.ir.types import TensorType
from archc.lint.network import Finding, Network

Windowed = ops.Conv | ops.MaxPool | ops.AvgPool
MOSTLY = 0.5
MAX_KERNEL = 1000
"""Kernels that have more rows are not counted row by row."""


def unread_rows(network: Network) -> Iterator[Finding]:
    """A stride that leaves the last rows or columns to no window."""
    for node in network.graph.nodes:
        op, x = node.op, network.type_in(node)
        if not isinstance(op, (ops.Conv, ops.MaxPool, ops.AvgPool)):
            continue
        rests = [(axis, rest) for axis in range(x.rank) if network.is_fixed(axis) and (rest := _rest(op, x, axis)) > 0]
        if rests:
            parts: dict[str, list[str]] = {}
            for axis, rest in rests:
                parts.setdefault(f"{rest} of {x.spatial[axis]}", []).append(f"the {axis_name(x.rank, axis)}")
            given = network.site(node).is_given("stride")
            yield network.finding(
                "A0902",
                "the stride leaves rows that no window reads",
                node,
                field="stride" if given else "kernel_size",
                label="the last " + ", ".join(f"{rest} along {' and '.join(axes)}" for rest, axes in parts.items()),
                notes=(f"the input is {x}, the output {network.graph.types[node.output]}",),
                help=_way_out(op, x, rests[0][0]),
            )


def _rest(op: Windowed, x: TensorType, axis: int) -> int:
    """Rows at the end that no window reads; none where the windows are further apart than they reach."""
    size, stride, padding = x.spatial[axis] or 0, op.stride[axis], op.padding[axis]
    reach = _reach(op, axis)
    if reach < stride or (not isinstance(op, ops.Conv) and op.ceil_mode):
        return 0
    return max(0, (size + 2 * padding - reach) % stride - padding)


def _reach(op: Windowed, axis: int) -> int:
    return window(op.kernel_size[axis], 1 if isinstance(op, ops.AvgPool) else op.dilation[axis])


def _way_out(op: Windowed, x: TensorType, axis: int) -> str:
    size, stride = x.spatial[axis] or 0, op.stride[axis]
    above = size + stride - (size + 2 * op.padding[axis] - _reach(op, axis)) % stride
    fits = f"bring it to a {axis_name(x.rank, axis)} of {size - _rest(op, x, axis)} or {above}"
    return f"pad the map, or {fits}" if isinstance(op, ops.Conv) else f"use `ceil_mode: true` or padding, or {fits}"


def kernel_on_padding(network: Network) -> Iterator[Finding]:
    """A convolution most of whose weights only ever meet padding."""
    for node in network.graph.nodes:
        op, x = node.op, network.type_in(node)
        if not isinstance(op, ops.Conv) or not any(op.padding):
            continue
        y = network.graph.types[node.output]
        live = prod(_live(op, x, y, axis) if network.is_fixed(axis) else op.kernel_size[axis] for axis in range(x.rank))
        weights = prod(op.kernel_size)
        if weights - live > weights * MOSTLY:
            yield network.finding(
                "A0913",
                "most of the kernel only ever meets padding",
                node,
                field="kernel_size",
                label=f"on a map of {shown(x)}, {live} of {weights} weights {'meets' if live == 1 else 'meet'} it",
                help="use a smaller kernel, fewer strides before it, or a larger input",
            )


def _live(op: ops.Conv, x: TensorType, y: TensorType, axis: int) -> int:
    """The kernel's rows that meet the map at any of its places."""
    size, places = x.spatial[axis] or 0, y.spatial[axis] or 0
    if op.kernel_size[axis] > MAX_KERNEL:
        return op.kernel_size[axis]
    stride, padding, dilation = op.stride[axis], op.padding[axis], op.dilation[axis]
    return sum(_meets(row * dilation - padding, stride, places, size) for row in range(op.kernel_size[axis]))


def _meets(first: int, stride: int, places: int, size: int) -> bool:
    """Whether any of `first`, `first + stride`, ... lies on the map."""
    step = max(0, -(first // stride))
    return step < places and 0 <= first + step * stride < size


def enlarging_pool(network: Network) -> Iterator[Finding]:
    """An adaptive pool whose output is larger than its input."""
    for node in network.graph.nodes:
        if not isinstance(node.op, (ops.AdaptiveAvgPool, ops.AdaptiveMaxPool)):
            continue
        x = network.type_in(node)
        if any(
            size is not None and wanted > size and network.is_fixed(axis)
            for axis, (size, wanted) in enumerate(zip(x.spatial, node.op.output_size, strict=True))
        ):
            yield network.finding(
                "A0914",
                "the pool makes its map larger",
                node,
                field="output_size",
                label=f"{shown(x)} becomes {shown(network.graph.types[node.output])}, out of the same values",
                help="use an `output_size` that the map has, or `upsample` where it is meant",
            )


def shown(x: TensorType) -> str:
    """The spatial sizes of a type."""
    return " × ".join(str(size) for size in x.spatial)
