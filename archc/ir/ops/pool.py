"""Pools: fixed windows and adaptive ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from archc.ir.ops.base import Op, Sizes, Violation
from archc.ir.ops.conv import axis_name, spatial_only
from archc.ir.ops.sizes import pool_size, window
from archc.ir.types import TensorType


def pool_requires(
    x: TensorType, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, ceil_mode: bool
) -> Iterator[Violation]:
    """What torch.nn.MaxPool2d and AvgPool2d ask for."""
    yield from spatial_only("a pool", x)
    for axis, size in enumerate(x.spatial):
        name = axis_name(x.rank, axis)
        if 2 * padding[axis] > kernel[axis]:
            yield Violation(
                "A0306",
                "the pool's padding is more than half its window",
                field="padding",
                label=f"{padding[axis]} along the {name}, the window has {kernel[axis]}",
                help=f"use {kernel[axis] // 2} or less",
            )
            return
        out = pool_size(size, kernel[axis], stride[axis], padding[axis], dilation[axis], ceil_mode)
        if size is not None and out is None:
            reach = window(kernel[axis], dilation[axis])
            yield Violation(
                "A0303",
                "the pool's window is larger than the padded input",
                field="kernel_size",
                label=f"spans {reach} along the {name}, the padded input has {size + 2 * padding[axis]}",
                notes=(f"input {x}, padding {padding[axis]}, kernel_size {kernel[axis]}, dilation {dilation[axis]}",),
                help="use a smaller window, fewer strides before it, or a larger input",
            )
            return


@dataclass(frozen=True, slots=True)
class MaxPool(Op):
    """The largest of each window (torch.nn.MaxPool2d and its kin): (N, C, *S) -> (N, C, *S')."""

    kernel_size: Sizes
    stride: Sizes
    padding: Sizes
    dilation: Sizes
    ceil_mode: bool = False

    def requires(self, *inputs: TensorType) -> Iterator[Violation]:
        yield from pool_requires(inputs[0], self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)

    def infer(self, *inputs: TensorType) -> TensorType:
        rows = zip(inputs[0].spatial, self.kernel_size, self.stride, self.padding, self.dilation, strict=True)
        return TensorType(inputs[0].channels, tuple(pool_size(*row, self.ceil_mode) for row in rows))


@dataclass(frozen=True, slots=True)
class AvgPool(Op):
    """The mean of each window (torch.nn.AvgPool2d and its kin): (N, C, *S) -> (N, C, *S')."""

    kernel_size: Sizes
    stride: Sizes
    padding: Sizes
    ceil_mode: bool = False
    count_include_pad: bool = True

    def requires(self, *inputs: TensorType) -> Iterator[Violation]:
        (x,) = inputs
        ones = (1,) * len(self.kernel_size)
        found = next(pool_requires(x, self.kernel_size, self.stride, self.padding, ones, self.ceil_mode), None)
        if found is not None:
            yield found
            return
        # torch.nn.AvgPool3d compares the window with the input before padding.
        for axis, size in enumerate(x.spatial if x.rank == 3 else ()):
            if size is not None and size < self.kernel_size[axis]:
                yield Violation(
                    "A0303",
                    "the pool's window is larger than the input",
                    field="kernel_size",
                    label=f"spans {self.kernel_size[axis]} along the {axis_name(3, axis)}, the input has {size} before padding",
                    notes=(f"input {x}",),
                    help="use a smaller window, or a larger input",
                )
                return

    def infer(self, *inputs: TensorType) -> TensorType:
        rows = zip(inputs[0].spatial, self.kernel_size, self.stride, self.padding, strict=True)
        return TensorType(inputs[0].channels, tuple(pool_size(*row, 1, self.ceil_mode) for row in rows))


@dataclass(frozen=True, slots=True)
class AdaptiveAvgPool(Op):
    """Means over equal shares of the map (torch.nn.AdaptiveAvgPool2d and its kin): (N, C, *S) -> (N, C, *output_size)."""

    output_size: Sizes

    def requires(self, *inputs: TensorType) -> Iterator[Violation]:
        yield from spatial_only("an adaptive pool", inputs[0])

    def infer(self, *inputs: TensorType) -> TensorType:
        return TensorType(inputs[0].channels, self.output_size)


@dataclass(frozen=True, slots=True)
class AdaptiveMaxPool(Op):
    """The largest of equal shares of the map (torch.nn.AdaptiveMaxPool2d and its kin)."""

    output_size: Sizes

    def requires(self, *inputs: TensorType) -> Iterator[Violation]:
        yield from spatial_only("an adaptive pool", inputs[0])

    def infer(self, *inputs: TensorType) -> TensorType:
        return TensorType(inputs[0].channels, self.output_size)
