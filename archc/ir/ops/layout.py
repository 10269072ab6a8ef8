"""Ops that move elements: slices, padding, resizing, flattening, shuffles, layout changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from archc.ir.ops.base import Op, Sizes, Violation, counted
from archc.ir.ops.conv import axis_name, spatial_only
from archc.ir.ops.norm import channels_first_only
from archc.ir.ops.sizes import product, times
from archc.ir.types import Layout, TensorType


@dataclass(frozen=True, slots=True)
class Chunk(Op):
    """Part `index` of `chunks` equal parts of the channels: (N, C, *S) -> (N, C / chunks, *S)."""

    chunks: int
    index: int

    def requires(self, *inputs: TensorType) -> Iterator[Violation]:
        channels = inputs[0].channels
        if channels is not None and channels % self.chunks:
            yield Violation(
                "A0311",
                "the channels do not split into equal chunks",
                field="chunks",
                label=f"{counted(channels, 'channel')} into {self.chunks} leave {channels % self.chunks}",
                help=f"use a divisor of {channels}",
            )
        if self.index >= self.chunks:
            yield Violation(
                "A0104",
                "index is out of range",
                field="index",
                label=f"{self.index}, but there are {self.chunks} chunks",
                help=f"use 0 to {self.chunks - 1}",
            )

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        even = x.channels is not None and x.channels % self.chunks == 0
        return TensorType(x.channels // self.chunks if even and x.channels else None, x.spatial, x.layout)


@dataclass(frozen=True, slots=True)
class Pad(Op):
    """Rows added around the map (torch.nn.functional.pad): `before[k]` and `after[k]` along spatial axis k."""

    before: Sizes
    after: Sizes
    mode: Literal["constant", "reflect", "replicate"] = "constant"
    value: float = 0.0

    def requires(self, *inputs: TensorType) -> Iterator[Violation]:
        (x,) = inputs
        yield from spatial_only("pad", x)
        if self.mode != "constant" and min((*self.before, *self.after), default=0) < 0:
            yield Violation(
                "A0104",
                f"mode {self.mode} cannot take rows away",
                field="padding",
                label=f"{min((*self.before, *self.after))} is below 0",
                help="use `mode: constant`, or 0 and more",
            )
            return
        for axis, size in enumerate(x.spatial):
            widest = max(self.before[axis], self.after[axis])
            if size is not None and size < self.least(axis):
                yield Violation(
                    "A0308",
                    "nothing is left of the map",
                    field="padding",
                    label=f"all {size} along the {axis_name(x.rank, axis)} are taken away",
                    notes=(f"input {x}",),
                    help="take fewer rows away",
                )
                return
            if self.mode == "reflect" and size is not None and widest >= size:
                yield Violation(
                    "A0306",
                    "reflection needs more rows than there are",
                    field="padding",
                    label=f"{widest} along the {axis_name(x.rank, axis)} of {size}",
                    help=f"use {size - 1} or less",
                )
                return

    def least(self, axis: int) -> int:
        """The least size of which negative padding leaves something."""
        return 1 - min(self.before[axis], 0) - min(self.after[axis], 0)

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        more = [before + after for before, after in zip(self.before, self.after, strict=True)]
        sizes = (None if d is None or d < self.least(axis) else d + more[axis] for axis, d in enumerate(x.spatial))
        return TensorType(x.channels, tuple(sizes))


@dataclass(frozen=True, slots=True)
class Upsample(Op):
    """The map enlarged by whole factors (torch.nn.Upsample): (N, C, *S) -> (N, C, *(S × scale_factor))."""

    scale_factor: Sizes
    mode: Literal["nearest", "linear"] = "nearest"
    """`linear` is PyTorch's linear, bilinear or trilinear by rank, with align_corners false."""

    def requires(self, *inputs: TensorType) -> Iterator[Violation]:
        yield from spatial_only("upsample", inputs[0])

    def infer(self, *inputs: TensorType) -> TensorType:
        rows = zip(inputs[0].spatial, self.scale_factor, strict=True)
        return TensorType(inputs[0].channels, tuple(times(size, factor) for size, factor in rows))


@dataclass(frozen=True, slots=True)
class Flatten(Op):
    """All axes but the batch joined to features (torch.nn.Flatten): (N, C, *S) -> (N, C × S)."""

    def infer(self, *inputs: TensorType) -> TensorType:
        return TensorType(product(inputs[0].dims))


@dataclass(frozen=True, slots=True)
class Permute(Op):
    """The channels moved behind the spatial axes, or back: (N, C, *S) <-> (N, *S, C)."""

    layout: Layout

    def requires(self, *inputs: TensorType) -> Iterator[Violation]:
        (x,) = inputs
        if x.rank == 0:
            yield Violation(
                "A0301",
                f"{self.layout} needs spatial axes",
                label=f"what arrives is {x}, plain features",
                input=0,
                help="leave it out",
            )
        elif x.layout == self.layout:
            yield Violation(
                "A0310",
                f"the layout is {self.layout} already",
                label=f"what arrives is {x}",
                input=0,
                help="leave it out",
            )

    def infer(self, *inputs: TensorType) -> TensorType:
        return TensorType(inputs[0].channels, inputs[0].spatial, self.layout)


@dataclass(frozen=True, slots=True)
class ChannelShuffle(Op):
    """Channels of `groups` groups interleaved (torch.nn.ChannelShuffle; Zhang et al., 2018): keeps the shape."""

    groups: int

    def requires(self, *inputs: TensorType) -> Iterator[Violation]:
        (x,) = inputs
        yield from spatial_only("channel_shuffle", x)
        if x.channels is not None and x.channels % self.groups:
            yield Violation(
                "A0302",
                "groups do not divide the channels",
                field="groups",
                label=f"{counted(x.channels, 'channel')} over {self.groups} groups leave {x.channels % self.groups}",
                help=f"use a divisor of {x.channels}",
            )


@dataclass(frozen=True, slots=True)
class PixelShuffle(Op):
    """Channels moved into space (torch.nn.PixelShuffle; Shi et al., 2016): (N, C r², H, W) -> (N, C, H r, W r)."""

    upscale_factor: int

    def requires(self, *inputs: TensorType) -> Iterator[Violation]:
        (x,) = inputs
        yield from channels_first_only("pixel_shuffle", x)
        if x.rank != 2:
            yield Violation(
                "A0301",
                "pixel_shuffle needs a picture",
                label=f"what arrives is {x}",
                input=0,
                help="use it on (channels, height, width)",
            )
        square = self.upscale_factor**2
        if x.channels is not None and x.channels % square:
            yield Violation(
                "A0302",
                "upscale_factor² does not divide the channels",
                field="upscale_factor",
                label=f"{counted(x.channels, 'channel')} over {square} leave {x.channels % square}",
                help=f"give the conv before it a multiple of {square} channels",
            )

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        square = self.upscale_factor**2
        channels = None if x.channels is None or x.channels % square else x.channels // square
        return TensorType(channels, tuple(times(size, self.upscale_factor) for size in x.spatial))
