"""The eager form of each primitive: torch.nn's own module, or a few lines of torch where there is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Attrs = Mapping[str, Any]


class Refused(ValueError):
    """What the author of an eager program would be told by Python itself: an unknown name, a value that is not there."""


class Plus(nn.Module):
    def forward(self, *values: Tensor) -> Tensor:
        total = values[0]
        for value in values[1:]:
            total = total + value
        return total


class Times(nn.Module):
    def __init__(self, axis: int = 1) -> None:
        super().__init__()
        self.axis = axis
        """That of the channels, of which the product itself knows nothing."""

    def forward(self, *values: Tensor) -> Tensor:
        total = values[0]
        for value in values[1:]:
            total = total * value
        return total


class Cat(nn.Module):
    def __init__(self, dim: int = 1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, *values: Tensor) -> Tensor:
        return torch.cat(values, self.dim)


class Part(nn.Module):
    """One of the parts that torch.chunk gives."""

    def __init__(self, chunks: int, index: int, dim: int) -> None:
        super().__init__()
        self.chunks, self.index, self.dim = chunks, index, dim

    def forward(self, x: Tensor) -> Tensor:
        return torch.chunk(x, self.chunks, self.dim)[self.index]


class Permute(nn.Module):
    def __init__(self, *dims: int) -> None:
        super().__init__()
        self.dims = dims

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(self.dims)


class OnChannels(nn.Module):
    """A norm of the last axis, applied to axis 1."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x.movedim(1, -1)).movedim(-1, 1)


class Normalised(nn.Module):
    """Constants for each channel taken away and divided by, as torchvision.transforms.Normalize does."""

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...], axes: int) -> None:
        super().__init__()
        if 0.0 in std:
            raise Refused("a std of 0")
        self.mean, self.std = (torch.tensor(values).reshape(-1, *(1,) * axes) for values in (mean, std))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std


class LayerScale(nn.Module):
    def __init__(self, shape: tuple[int, ...], value: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(value * torch.ones(shape))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


class DropBranch(nn.Module):
    """Stochastic depth (Huang et al., 2016): the branch of some examples, or of all, is set to zero in training."""

    def __init__(self, p: float, mode: str = "row") -> None:
        super().__init__()
        if mode not in ("row", "batch"):
            raise Refused(f"no mode {mode}")
        if not 0 <= p <= 1:
            raise Refused(f"{p} is no probability")
        self.p, self.mode = p, mode

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        count = x.shape[0] if self.mode == "row" else 1
        kept = x.new_empty((count,) + (1,) * (x.dim() - 1)).bernoulli_(1 - self.p)
        return x * (kept / (1 - self.p) if self.p < 1 else kept)


ACTIVATIONS: Mapping[str, type[nn.Module]] = {
    "celu": nn.CELU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "hardsigmoid": nn.Hardsigmoid,
    "hardswish": nn.Hardswish,
    "hardtanh": nn.Hardtanh,
    "leaky_relu": nn.LeakyReLU,
    "mish": nn.Mish,
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "selu": nn.SELU,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "softsign": nn.Softsign,
    "tanh": nn.Tanh,
}
SPATIAL = {
    "max_pool": "MaxPool",
    "avg_pool": "AvgPool",
    "adaptive_avg_pool": "AdaptiveAvgPool",
    "adaptive_max_pool": "AdaptiveMaxPool",
}
GLOBAL = {"global_avg_pool": "AdaptiveAvgPool", "global_max_pool": "AdaptiveMaxPool"}
LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}


class Shape:
    """What an author knows of a stage's first input: its axes, where the channels stand, the rank of the network's maps."""

    def __init__(self, x: Tensor, last: bool, rank: int) -> None:
        self.axis = x.dim() - 1 if last else 1
        self.channels = x.shape[self.axis]
        self.features = x.shape[-1]
        self.dim, self.last, self.rank = x.dim(), last, max(rank, 1)

    def spatial(self, name: str) -> Any:
        """The class of torch.nn for the network's rank."""
        return getattr(nn, f"{name}{self.rank}d")

    def permute(self, kind: str) -> Permute:
        """The permutation of maps of the network's rank."""
        axes = range(1, self.rank + 1)
        if kind == "channels_last":
            return Permute(0, *(axis + 1 for axis in axes), 1)
        return Permute(0, self.rank + 1, *axes)


def conv(kind: str, a: Attrs, s: Shape) -> nn.Module:
    return s.spatial("Conv" if kind == "conv" else "ConvTranspose")(s.channels, **a)


def linear(kind: str, a: Attrs, s: Shape) -> nn.Module:
    return nn.Linear(s.features, **a)


def pool(kind: str, a: Attrs, s: Shape) -> nn.Module:
    if kind in GLOBAL:
        return s.spatial(GLOBAL[kind])(1, **a)
    return s.spatial(SPATIAL[kind])(**a)


def norm(kind: str, a: Attrs, s: Shape) -> nn.Module:
    if kind == "batch_norm":
        return {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}[s.dim](s.channels, **a)
    if kind == "group_norm":
        return nn.GroupNorm(num_channels=s.channels, **a)
    if kind == "local_response_norm":
        return nn.LocalResponseNorm(**a)
    if kind == "layer_norm":
        made: nn.Module = nn.LayerNorm(s.channels, **a)
    else:
        made = nn.RMSNorm(s.channels, **{"eps": 1e-6, **a})
    return made if s.last or s.dim == 2 else OnChannels(made)


def function(kind: str, a: Attrs, s: Shape) -> nn.Module:
    if kind == "prelu":
        return nn.PReLU(s.channels if a.get("per_channel") else 1, init=a.get("init_value", 0.25))
    if kind in ("softmax", "log_softmax"):
        return (nn.Softmax if kind == "softmax" else nn.LogSoftmax)(dim=s.axis, **a)
    return ACTIVATIONS[kind](**a)


def merge(kind: str, a: Attrs, s: Shape) -> nn.Module:
    made: dict[str, Callable[[], nn.Module]] = {
        "add": Plus,
        "multiply": lambda: Times(s.axis),
        "concat": lambda: Cat(s.axis),
    }
    return made[kind]()


def layout(kind: str, a: Attrs, s: Shape) -> nn.Module:
    if kind in ("channels_last", "channels_first"):
        return s.permute(kind)
    if kind == "normalize":
        return Normalised(a["mean"], a["std"], 0 if s.last else s.dim - 2)
    if kind == "chunk":
        return Part(a["chunks"], a["index"], s.axis)
    if kind == "flatten":
        return nn.Flatten()
    if kind == "channel_shuffle":
        return nn.ChannelShuffle(**a)
    if kind == "pixel_shuffle":
        return nn.PixelShuffle(**a)
    if kind == "upsample":
        mode = a.get("mode", "nearest")
        return nn.Upsample(scale_factor=a["scale_factor"], mode=LINEAR[s.rank] if mode == "linear" else mode)
    return pad(a, s)


def pad(a: Attrs, s: Shape) -> nn.Module:
    mode = a.get("mode", "constant")
    if mode == "constant":
        return s.spatial("ConstantPad")(a["padding"], a.get("value", 0.0))
    return s.spatial({"reflect": "ReflectionPad", "replicate": "ReplicationPad"}[mode])(a["padding"])


def regularise(kind: str, a: Attrs, s: Shape) -> nn.Module:
    if kind == "stochastic_depth":
        return DropBranch(**a)
    if kind == "scale":
        ones = 0 if s.last else s.dim - 2
        return LayerScale((s.channels, *(1,) * ones), a.get("init_value", 1.0))
    return (s.spatial("Dropout") if a.get("channelwise") else nn.Dropout)(a.get("p", 0.5))


MAKERS: Mapping[str, Callable[[str, Attrs, Shape], nn.Module]] = {
    **dict.fromkeys(("conv", "conv_transpose"), conv),
    "linear": linear,
    **dict.fromkeys((*SPATIAL, *GLOBAL), pool),
    **dict.fromkeys(("batch_norm", "layer_norm", "rms_norm", "group_norm", "local_response_norm"), norm),
    **dict.fromkeys((*ACTIVATIONS, "prelu", "softmax", "log_softmax"), function),
    **dict.fromkeys(("add", "multiply", "concat"), merge),
    **dict.fromkeys(("chunk", "pad", "upsample", "flatten", "channel_shuffle", "pixel_shuffle"), layout),
    **dict.fromkeys(("channels_last", "channels_first", "normalize"), layout),
    **dict.fromkeys(("dropout", "stochastic_depth", "scale"), regularise),
}
"""How each primitive is made of its attributes and the shape of its first input."""


def zero_padded(x: Tensor, padding: tuple[int, ...]) -> Tensor:
    """What negative padding leaves of `x` before anything is added."""
    return F.pad(x, tuple(min(one, 0) for one in padding))
