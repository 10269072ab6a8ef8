"""Emitters of pools.

In PyTorch's ceil mode (aten/src/ATen/native/Pool.h) there are min(ceil((d + 2p - w) / s), floor((d + p - 1) / s)) + 1
windows along an axis of size d, for padding p, stride s and a window that spans w. That is what a pool in floor mode
gives that pads min(p + s, w) - 1 at the end, whatever d. So no `ceil_mode` is emitted, whose clamp ONNX and
its runtimes came to agree on only lately.
"""

from __future__ import annotations

import numpy as np

from archc.backends.onnx.site import Site, emits
from archc.ir.ops import AvgPool, MaxPool, Sizes


def end_padding(padding: Sizes, stride: Sizes, span: Sizes, ceil_mode: bool) -> Sizes:
    """The rows to pad at the end of each axis."""
    if not ceil_mode:
        return padding
    return tuple(min(p + s, w) - 1 for p, s, w in zip(padding, stride, span, strict=True))


@emits(MaxPool)
def max_pool(site: Site, op: MaxPool) -> None:
    """https://onnx.ai/onnx/operators/onnx__MaxPool.html."""
    span = tuple(d * (k - 1) + 1 for k, d in zip(op.kernel_size, op.dilation, strict=True))
    pads, rank = (*op.padding, *end_padding(op.padding, op.stride, span, op.ceil_mode)), site.type.rank
    x = kept_apart(site, site.x)
    if any(needs_pad(site, op, axis, pads[axis::rank]) for axis in range(rank)):
        x = pad_map(site, pads, -np.inf)
        pads = (0,) * len(pads)
    site.final("MaxPool", x, kernel_shape=op.kernel_size, strides=op.stride, pads=pads, dilations=op.dilation)


def needs_pad(site: Site, op: MaxPool, axis: int, pads: Sizes) -> bool:
    """Whether an axis takes a Pad of its own, as a dilated pool may: MaxPool pads by less than the kernel only, and to
    a window that sees nothing but padding, as it can where the map has fewer rows than the dilation, PyTorch gives
    -inf and onnxruntime the lowest number."""
    small = site.free[0][axis] or site.type.shape[1 + axis] < op.dilation[axis]
    return max(pads) >= op.kernel_size[axis] or (op.dilation[axis] > 1 and small and max(pads) > 0)


@emits(AvgPool)
def avg_pool(site: Site, op: AvgPool) -> None:
    """https://onnx.ai/onnx/operators/onnx__AveragePool.html.

    In ceil mode PyTorch counts the padding but not what lies beyond it, which takes a Pad and a pool that counts none.
    """
    end = end_padding(op.padding, op.stride, op.kernel_size, op.ceil_mode)
    x, start, count = site.x, op.padding, op.count_include_pad
    if count and end != op.padding:
        if any(op.padding):
            x = pad_map(site, (*op.padding, *op.padding), 0.0)
        end = tuple(e - p for e, p in zip(end, op.padding, strict=True))
        start, count = (0,) * len(end), False
    site.final(
        "AveragePool",
        kept_apart(site, x),
        kernel_shape=op.kernel_size,
        strides=op.stride,
        pads=(*start, *end),
        count_include_pad=int(count),
    )


def pad_map(site: Site, pads: Sizes, value: float) -> str:
    """The input with constant rows around it: `pads` holds what comes before each spatial axis, then after."""
    rank = site.type.rank
    inputs = pad_inputs(site, pads[:rank], pads[rank:], site.number("pad/value", value), "pad/")
    return site.step("pad", "Pad", site.x, *inputs, mode="constant")


def pad_inputs(site: Site, before: Sizes, after: Sizes, value: str, stem: str = "") -> tuple[str, str]:
    """The inputs of Pad behind the first: amounts and value.

    The amounts cover all axes, although opset 18 can name some: onnxruntime moves transpositions over a Pad as if its
    amounts always did, and cannot run what comes of it.
    """
    return site.integers(f"{stem}amounts", 0, 0, *before, 0, 0, *after), value


def kept_apart(site: Site, x: str) -> str:
    """`x`, or where a Pad made it its sum alone.

    onnxruntime folds a Pad into a pool behind it even where the rows are zeros, which a pool's own padding is not.
    """
    return site.step("apart", "Sum", x) if site.builder.maker(x) == "Pad" else x
