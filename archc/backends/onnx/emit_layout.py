"""Emitters of merges, of ops that move elements, and of the learned scale."""

from __future__ import annotations

from typing import Final

import numpy as np

from archc.backends.onnx.emit_pool import pad_inputs
from archc.backends.onnx.site import Site, emits
from archc.ir.ops import (
    Add,
    ChannelShuffle,
    Chunk,
    Concat,
    Flatten,
    Multiply,
    Pad,
    Permute,
    PixelShuffle,
    Scale,
    Upsample,
)

PAD_MODES: Final = {"constant": "constant", "reflect": "reflect", "replicate": "edge"}


@emits(Add)
def add(site: Site, op: Add) -> None:
    """Add, or Sum for more than two."""
    site.final("Add" if len(site.inputs) == 2 else "Sum", *site.inputs)


@emits(Multiply)
def multiply(site: Site, op: Multiply) -> None:
    """Mul after Mul, each of two values."""
    product, *others, last = site.inputs
    for index, value in enumerate(others, start=1):
        product = site.step(f"product{index}", "Mul", product, value)
    site.final("Mul", product, last)


@emits(Concat)
def concat(site: Site, op: Concat) -> None:
    """https://onnx.ai/onnx/operators/onnx__Concat.html, on the channels."""
    site.final("Concat", *site.inputs, axis=site.type.channel_axis)


@emits(Chunk)
def chunk(site: Site, op: Chunk) -> None:
    """https://onnx.ai/onnx/operators/onnx__Slice.html, on the channels; on an axis of chunks where their size is free."""
    if site.free_channels[0]:
        stacked = site.step("stacked", "Reshape", site.x, site.integers("stacked/shape", 0, op.chunks, -1))
        bounds = (
            site.integers(name, value) for name, value in (("start", op.index), ("end", op.index + 1), ("axis", 1))
        )
        one = site.step("one", "Slice", stacked, *bounds)
        site.final("Reshape", one, site.integers("shape", 0, -1))
        return
    size = (site.type.channels or 0) // op.chunks
    start = site.integers("start", op.index * size)
    end = site.integers("end", (op.index + 1) * size)
    site.final("Slice", site.x, start, end, site.integers("axis", site.type.channel_axis))


@emits(Pad)
def pad(site: Site, op: Pad) -> None:
    """https://onnx.ai/onnx/operators/onnx__Pad.html."""
    value = site.number("value", op.value) if op.mode == "constant" else ""
    site.final("Pad", site.x, *pad_inputs(site, op.before, op.after, value), mode=PAD_MODES[op.mode])


@emits(Upsample)
def upsample(site: Site, op: Upsample) -> None:
    """Resize; by whole factors, nearest is asymmetric with floor, and linear has half-pixel centres as PyTorch's."""
    scales = site.exact("scales", np.array([1, 1, *op.scale_factor], np.float32))
    if op.mode == "nearest":
        site.final(
            "Resize",
            site.x,
            "",
            scales,
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )
    else:
        site.final("Resize", site.x, "", scales, mode="linear", coordinate_transformation_mode="half_pixel")


@emits(Flatten)
def flatten(site: Site, op: Flatten) -> None:
    """https://onnx.ai/onnx/operators/onnx__Flatten.html."""
    site.final("Flatten", site.x, axis=1)


@emits(Permute)
def permute(site: Site, op: Permute) -> None:
    """https://onnx.ai/onnx/operators/onnx__Transpose.html."""
    rank = site.type.rank
    last = op.layout == "channels_last"
    site.final("Transpose", site.x, perm=(0, *range(2, 2 + rank), 1) if last else (0, 1 + rank, *range(1, 1 + rank)))


@emits(ChannelShuffle)
def channel_shuffle(site: Site, op: ChannelShuffle) -> None:
    """A Gather of the channels in their new order, which no free size disturbs."""
    order = np.arange(site.type.channels or 0, dtype=np.int64).reshape(op.groups, -1).T.reshape(-1)
    site.final("Gather", site.x, site.constant("order", order), axis=1)


@emits(PixelShuffle)
def pixel_shuffle(site: Site, op: PixelShuffle) -> None:
    """https://onnx.ai/onnx/operators/onnx__DepthToSpace.html."""
    site.final("DepthToSpace", site.x, blocksize=op.upscale_factor, mode="CRD")


@emits(Scale)
def scale(site: Site, op: Scale) -> None:
    """The tensor has the shape that broadcasts already."""
    site.final("Mul", site.x, site.tensors[""])
