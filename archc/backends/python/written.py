"""How each op is written in PyTorch: a module, an expression, or a raw parameter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from archc.ir import TensorType, ops

Value = int | float | bool | str | None | tuple[int, ...] | tuple[float, ...]


class Required:
    """Marks an argument without a default."""


REQUIRED = Required()


@dataclass(frozen=True, slots=True)
class Arg:
    """An argument of a constructor; left out where `value` is `default`.

    Arguments of one `family` may be served by one parameter of the class that holds them: channels that are equal
    everywhere are one number, a stride and a padding are not.
    """

    name: str
    value: Value
    default: Value | Required = REQUIRED
    keyword: bool = False
    family: str = ""

    @property
    def omitted(self) -> bool:
        """Whether the value need not be written."""
        return type(self.value) is type(self.default) and self.value == self.default


@dataclass(frozen=True, slots=True)
class Written:
    """The form of one op. `callee` is a class for a module, an operator for an expression."""

    kind: Literal["module", "expression", "parameter"]
    callee: str
    args: tuple[Arg, ...] = ()


ACTIVATIONS = {
    "celu": "CELU",
    "elu": "ELU",
    "gelu": "GELU",
    "hardsigmoid": "Hardsigmoid",
    "hardswish": "Hardswish",
    "hardtanh": "Hardtanh",
    "leaky_relu": "LeakyReLU",
    "mish": "Mish",
    "relu": "ReLU",
    "relu6": "ReLU6",
    "selu": "SELU",
    "sigmoid": "Sigmoid",
    "silu": "SiLU",
    "softplus": "Softplus",
    "softsign": "Softsign",
    "tanh": "Tanh",
}


def written(op: ops.Op, inputs: tuple[TensorType, ...], in_place: bool = False) -> Written:
    """The PyTorch form of `op` on `inputs`; an activation may be `in_place`."""
    x = inputs[0]
    match op:
        case ops.Add():
            return Written("expression", "add")
        case ops.Multiply():
            return Written("expression", "multiply")
        case ops.Concat():
            return Written("expression", f"cat {_channel_dim(x)}")
        case ops.Chunk():
            return Written("expression", f"chunk {op.chunks} {_channel_dim(x)} {op.index}")
        case ops.Scale():
            args = (_channels("channels", op.channels), _named("init_value", op.init_value, REQUIRED))
            return Written("parameter", str(op.ones), args)
        case _:
            callee, arguments = _module(op, x)
            more = (_named("inplace", True, False),) if in_place else ()
            return Written("module", callee, (*arguments, *more))


def _channel_dim(x: TensorType) -> int:
    return 1 if x.rank == 0 or x.layout == "channels_first" else -1


def _module(op: ops.Op, x: TensorType) -> tuple[str, Iterator[Arg]]:
    rank, first = x.rank, x.layout == "channels_first"
    match op:
        case ops.Conv():
            return f"nn.Conv{rank}d", _conv(op)
        case ops.ConvTranspose():
            return f"nn.ConvTranspose{rank}d", _conv_transpose(op)
        case ops.MaxPool():
            return f"nn.MaxPool{rank}d", _max_pool(op)
        case ops.AvgPool():
            return f"nn.AvgPool{rank}d", _avg_pool(op)
        case ops.AdaptiveAvgPool():
            return f"nn.AdaptiveAvgPool{rank}d", iter((Arg("output_size", collapsed(op.output_size)),))
        case ops.AdaptiveMaxPool():
            return f"nn.AdaptiveMaxPool{rank}d", iter((Arg("output_size", collapsed(op.output_size)),))
        case ops.Activation():
            return f"nn.{ACTIVATIONS[op.function]}", _activation(op)
        case ops.Pad():
            return _pad_class(op, rank), _pad(op)
        case ops.Upsample():
            return "nn.Upsample", _upsample(op, rank)
        case ops.Permute():
            return "Permute", _permute(op, rank)
        case ops.Dropout():
            return f"nn.Dropout{f'{rank}d' if op.channelwise else ''}", iter((_named("p", op.p, 0.5),))
        case ops.Softmax():
            dim = Arg("dim", _channel_dim(x), keyword=True, family="dim")
            return "nn.LogSoftmax" if op.log else "nn.Softmax", iter((dim,))
        case _:
            return _norm_or_other(op, rank, rank == 0 or not first)


def _norm_or_other(op: ops.Op, rank: int, channels_stand_last: bool) -> tuple[str, Iterator[Arg]]:
    match op:
        case ops.Linear():
            return "nn.Linear", _linear(op)
        case ops.BatchNorm():
            return f"nn.BatchNorm{max(rank, 1)}d", _batch_norm(op)
        case ops.GroupNorm():
            return "nn.GroupNorm", _group_norm(op)
        case ops.LayerNorm():
            return "nn.LayerNorm" if channels_stand_last else "ChannelLayerNorm", _layer_norm(op)
        case ops.RMSNorm():
            return "nn.RMSNorm" if channels_stand_last else "ChannelRMSNorm", _rms_norm(op)
        case ops.LocalResponseNorm():
            return "nn.LocalResponseNorm", _local_response_norm(op)
        case ops.Normalize():
            return "Normalize", iter((Arg("mean", op.mean, family="mean"), Arg("std", op.std, family="std")))
        case ops.PReLU():
            return "nn.PReLU", _prelu(op)
        case ops.Flatten():
            return "nn.Flatten", iter(())
        case ops.ChannelShuffle():
            return "nn.ChannelShuffle", iter((Arg("groups", op.groups),))
        case ops.PixelShuffle():
            return "nn.PixelShuffle", iter((Arg("upscale_factor", op.upscale_factor),))
        case ops.StochasticDepth():
            return "StochasticDepth", iter((_named("p", op.p, REQUIRED), _named("mode", op.mode, "row")))
        case _:
            raise NotImplementedError(f"no PyTorch form of {type(op).__name__}")


def collapsed(sizes: tuple[int, ...]) -> Value:
    """One number where all sizes are equal."""
    return sizes[0] if len(set(sizes)) == 1 else sizes


def _channels(name: str, value: int | None) -> Arg:
    return Arg(name, value, family="channels")


def _sizes(name: str, sizes: tuple[int, ...], default: int) -> Arg:
    return Arg(name, collapsed(sizes), default, keyword=True, family=name)


def _named(name: str, value: Value, default: Value | Required) -> Arg:
    return Arg(name, value, default, keyword=True, family=name)


def _conv(op: ops.Conv) -> Iterator[Arg]:
    yield _channels("in_channels", op.in_channels)
    yield _channels("out_channels", op.out_channels)
    yield Arg("kernel_size", collapsed(op.kernel_size), family="kernel_size")
    yield _sizes("stride", op.stride, 1)
    yield _sizes("padding", op.padding, 0)
    yield _sizes("dilation", op.dilation, 1)
    yield Arg("groups", op.groups, 1, keyword=True, family="channels")
    yield _named("bias", op.bias, True)


def _conv_transpose(op: ops.ConvTranspose) -> Iterator[Arg]:
    yield _channels("in_channels", op.in_channels)
    yield _channels("out_channels", op.out_channels)
    yield Arg("kernel_size", collapsed(op.kernel_size), family="kernel_size")
    yield _sizes("stride", op.stride, 1)
    yield _sizes("padding", op.padding, 0)
    yield _sizes("output_padding", op.output_padding, 0)
    yield Arg("groups", op.groups, 1, keyword=True, family="channels")
    yield _named("bias", op.bias, True)
    yield _sizes("dilation", op.dilation, 1)


def _linear(op: ops.Linear) -> Iterator[Arg]:
    yield _channels("in_features", op.in_features)
    yield _channels("out_features", op.out_features)
    yield _named("bias", op.bias, True)


def _pool_stride(kernel: tuple[int, ...], stride: tuple[int, ...]) -> Arg:
    return _named("stride", None if stride == kernel else collapsed(stride), None)


def _max_pool(op: ops.MaxPool) -> Iterator[Arg]:
    yield Arg("kernel_size", collapsed(op.kernel_size), family="kernel_size")
    yield _pool_stride(op.kernel_size, op.stride)
    yield _sizes("padding", op.padding, 0)
    yield _sizes("dilation", op.dilation, 1)
    yield _named("ceil_mode", op.ceil_mode, False)


def _avg_pool(op: ops.AvgPool) -> Iterator[Arg]:
    yield Arg("kernel_size", collapsed(op.kernel_size), family="kernel_size")
    yield _pool_stride(op.kernel_size, op.stride)
    yield _sizes("padding", op.padding, 0)
    yield _named("ceil_mode", op.ceil_mode, False)
    yield _named("count_include_pad", op.count_include_pad, True)


def _activation(op: ops.Activation) -> Iterator[Arg]:
    defaults = ops.FUNCTIONS[op.function]
    for name, default in defaults.items():
        value = op.constants.get(name, default)
        yield _named(name, float(value) if isinstance(default, float) else value, default)


def _prelu(op: ops.PReLU) -> Iterator[Arg]:
    yield Arg("num_parameters", op.num_parameters, 1, family="channels")
    yield _named("init", op.init_value, 0.25)


def _batch_norm(op: ops.BatchNorm) -> Iterator[Arg]:
    yield _channels("num_features", op.num_features)
    yield _named("eps", op.eps, 1e-5)
    yield _named("momentum", op.momentum, 0.1)
    yield _named("affine", op.affine, True)


def _group_norm(op: ops.GroupNorm) -> Iterator[Arg]:
    yield Arg("num_groups", op.num_groups, family="num_groups")
    yield _channels("num_channels", op.num_channels)
    yield _named("eps", op.eps, 1e-5)
    yield _named("affine", op.affine, True)


def _layer_norm(op: ops.LayerNorm) -> Iterator[Arg]:
    yield _channels("num_features", op.num_features)
    yield _named("eps", op.eps, 1e-5)
    yield _named("elementwise_affine", op.elementwise_affine, True)
    if op.elementwise_affine:
        yield _named("bias", op.bias, True)


def _rms_norm(op: ops.RMSNorm) -> Iterator[Arg]:
    yield _channels("num_features", op.num_features)
    yield _named("eps", op.eps, None)
    yield _named("elementwise_affine", op.elementwise_affine, True)


def _local_response_norm(op: ops.LocalResponseNorm) -> Iterator[Arg]:
    yield Arg("size", op.size, family="size")
    yield _named("alpha", op.alpha, 1e-4)
    yield _named("beta", op.beta, 0.75)
    yield _named("k", op.k, 1.0)


def _permute(op: ops.Permute, rank: int) -> Iterator[Arg]:
    spatial = range(1, rank + 1)
    dims = (0, *(axis + 1 for axis in spatial), 1) if op.layout == "channels_last" else (0, rank + 1, *spatial)
    for axis, dim in enumerate(dims):
        yield Arg(f"dim{axis}", dim, family=f"dim{axis}")


def _upsample(op: ops.Upsample, rank: int) -> Iterator[Arg]:
    yield _named("scale_factor", collapsed(op.scale_factor), REQUIRED)
    linear = {1: "linear", 2: "bilinear", 3: "trilinear"}[rank]
    yield _named("mode", linear if op.mode == "linear" else "nearest", "nearest")


def _pad_class(op: ops.Pad, rank: int) -> str:
    kind = {"reflect": "Reflection", "replicate": "Replication"}.get(op.mode, "Constant" if op.value else "Zero")
    return f"nn.{kind}Pad{rank}d"


def _pad(op: ops.Pad) -> Iterator[Arg]:
    # PyTorch counts padding from the last axis: (left, right, top, bottom, ...).
    pairs = [(before, after) for before, after in zip(op.before, op.after, strict=True)]
    yield Arg("padding", collapsed(tuple(size for pair in reversed(pairs) for size in pair)), family="pad")
    if op.mode == "constant" and op.value:
        yield Arg("value", op.value, family="pad_value")
