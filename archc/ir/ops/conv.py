"""Convolutions and the linear layer: the ops with multiply-accumulates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from archc.ir.ops.base import Init, Op, Sizes, TensorSpec, Violation, counted
from archc.ir.ops.sizes import conv_size, conv_transpose_size, window
from archc.ir.types import TensorType

AXES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}


def axis_name(rank: int, axis: int) -> str:
    """The word for a spatial axis: `height` for axis 0 of a picture."""
    return AXES[rank][axis]


def spatial_only(kind: str, x: TensorType) -> Iterator[Violation]:
    """The input must be a map with its channels first."""
    if x.layout != "channels_first":
        yield Violation(
            "A0310",
            f"{kind} needs channels first",
            label=f"what arrives is {x}, channels last",
            help="put `type: channels_first` before it",
            input=0,
        )
    elif x.rank == 0:
        yield Violation(
            "A0301",
            f"{kind} needs spatial axes",
            label=f"what arrives is {x}, plain features",
            input=0,
            help="move it before the flatten",
        )


def window_fits(op: str, x: TensorType, kernel: Sizes, padding: Sizes, dilation: Sizes) -> Iterator[Violation]:
    """The dilated kernel must not be larger than the padded map, along each axis."""
    for axis, size in enumerate(x.spatial):
        reach = window(kernel[axis], dilation[axis])
        if size is not None and size + 2 * padding[axis] < reach:
            name = axis_name(x.rank, axis)
            yield Violation(
                "A0303",
                f"the {op} window is larger than the padded input",
                field="kernel_size",
                label=f"spans {reach} along the {name}, the padded input has {size + 2 * padding[axis]}",
                notes=(f"input {x}, padding {padding[axis]}, kernel_size {kernel[axis]}, dilation {dilation[axis]}",),
                help="use a smaller kernel, more padding, fewer strides before it, or a larger input",
            )
            return


def groups_divide(channels: int | None, field: str, groups: int, what: str) -> Iterator[Violation]:
    """`groups` must divide a number of channels."""
    if channels is not None and channels % groups:
        yield Violation(
            "A0302",
            f"groups do not divide the {what} channels",
            field=field,
            label=f"{counted(channels, f'{what} channel')} over {counted(groups, 'group')} leave {channels % groups}",
            help=f"use a divisor of {channels} as `groups`, or a multiple of {groups} as channels",
        )


@dataclass(frozen=True, slots=True)
class Conv(Op):
    """A convolution (torch.nn.Conv1d, Conv2d, Conv3d by rank): (N, in_channels, *S) -> (N, out_channels, *S')."""

    in_channels: int | None
    out_channels: int
    kernel_size: Sizes
    stride: Sizes
    padding: Sizes
    dilation: Sizes
    groups: int = 1
    bias: bool = True

    def requires(self, *inputs: TensorType) -> Iterator[Violation]:
        (x,) = inputs
        yield from spatial_only("a convolution", x)
        yield from groups_divide(x.channels, "groups", self.groups, "input")
        yield from groups_divide(self.out_channels, "groups", self.groups, "output")
        yield from window_fits("kernel's", x, self.kernel_size, self.padding, self.dilation)

    def infer(self, *inputs: TensorType) -> TensorType:
        rows = zip(inputs[0].spatial, self.kernel_size, self.stride, self.padding, self.dilation, strict=True)
        return TensorType(self.out_channels, tuple(conv_size(*row) for row in rows))

    def tensors(self) -> tuple[TensorSpec, ...]:
        shape = (self.out_channels, (self.in_channels or 0) // self.groups, *self.kernel_size)
        return weight_and_bias(shape, self.out_channels, self.bias, fan_in=prod(shape[1:]))

    def macs(self, inputs: tuple[TensorType, ...], output: TensorType) -> int:
        return output.size * (self.in_channels or 0) // self.groups * prod(self.kernel_size)


@dataclass(frozen=True, slots=True)
class ConvTranspose(Op):
    """A transposed convolution (torch.nn.ConvTranspose2d and its kin): (N, in_channels, *S) -> (N, out_channels, *S')."""

    in_channels: int | None
    out_channels: int
    kernel_size: Sizes
    stride: Sizes
    padding: Sizes
    output_padding: Sizes
    dilation: Sizes
    groups: int = 1
    bias: bool = True

    def requires(self, *inputs: TensorType) -> Iterator[Violation]:
        (x,) = inputs
        yield from spatial_only("a transposed convolution", x)
        yield from groups_divide(x.channels, "groups", self.groups, "input")
        yield from groups_divide(self.out_channels, "groups", self.groups, "output")
        for axis in range(x.rank):
            limit = max(self.stride[axis], self.dilation[axis])
            if self.output_padding[axis] >= limit:
                yield Violation(
                    "A0307",
                    "output_padding is not below the stride or the dilation",
                    field="output_padding",
                    label=f"{self.output_padding[axis]} along the {axis_name(x.rank, axis)}, where less than {limit} can be told apart",
                    help=f"use {limit - 1} or less",
                )
                break
        for axis, size in enumerate(self.infer(x).spatial):
            if size is None and x.spatial[axis] is not None:
                yield Violation(
                    "A0308",
                    "nothing is left of the map",
                    field="padding",
                    label=f"the output's {axis_name(x.rank, axis)} would be 0 or less",
                    notes=(f"input {x}",),
                    help="use less padding",
                )
                break

    def infer(self, *inputs: TensorType) -> TensorType:
        rows = zip(
            inputs[0].spatial,
            self.kernel_size,
            self.stride,
            self.padding,
            self.output_padding,
            self.dilation,
            strict=True,
        )
        return TensorType(self.out_channels, tuple(conv_transpose_size(*row) for row in rows))

    def tensors(self) -> tuple[TensorSpec, ...]:
        shape = (self.in_channels or 0, self.out_channels // self.groups, *self.kernel_size)
        return weight_and_bias(shape, self.out_channels, self.bias, fan_in=prod(shape[1:]))

    def macs(self, inputs: tuple[TensorType, ...], output: TensorType) -> int:
        return inputs[0].size * self.out_channels // self.groups * prod(self.kernel_size)


@dataclass(frozen=True, slots=True)
class Linear(Op):
    """An affine map of the last axis (torch.nn.Linear): (N, *, in_features) -> (N, *, out_features)."""

    in_features: int | None
    out_features: int
    bias: bool = True

    def requires(self, *inputs: TensorType) -> Iterator[Violation]:
        (x,) = inputs
        if x.rank and x.layout == "channels_first":
            yield Violation(
                "A0309",
                "linear needs features, a map arrives",
                label=f"what arrives is {x}",
                input=0,
                help="put `type: flatten` (and perhaps `type: global_avg_pool`) before it",
            )

    def infer(self, *inputs: TensorType) -> TensorType:
        return TensorType(self.out_features, inputs[0].spatial, inputs[0].layout)

    def tensors(self) -> tuple[TensorSpec, ...]:
        shape = (self.out_features, self.in_features or 0)
        return weight_and_bias(shape, self.out_features, self.bias, fan_in=shape[1])

    def macs(self, inputs: tuple[TensorType, ...], output: TensorType) -> int:
        return output.size * (self.in_features or 0)


def weight_and_bias(shape: tuple[int, ...], out: int, bias: bool, fan_in: int) -> tuple[TensorSpec, ...]:
    """PyTorch's layout and distributions: both uniform within 1/sqrt(fan_in) (torch.nn.Linear.reset_parameters)."""
    draw = Init("uniform", {"bound": fan_in**-0.5 if fan_in else 0.0})
    weight = TensorSpec("weight", shape, draw)
    return (weight, TensorSpec("bias", (out,), draw)) if bias else (weight,)
