"""Normalisations; all act on the channels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from archc.ir.ops.base import Init, Op, TensorSpec, Violation, counted
from archc.ir.types import TensorType

ZEROS, ONES = Init("zeros"), Init("ones")


def affine_pair(size: int, affine: bool, bias: bool = True) -> tuple[TensorSpec, ...]:
    """A learned scale of ones and, with `bias`, a learned shift of zeros."""
    if not affine:
        return ()
    weight = TensorSpec("weight", (size,), ONES)
    return (weight, TensorSpec("bias", (size,), ZEROS)) if bias else (weight,)


def channels_first_only(kind: str, x: TensorType) -> Iterator[Violation]:
    """The channels must be the axis after the batch."""
    if x.layout != "channels_first":
        yield Violation(
            "A0310",
            f"{kind} needs channels first",
            label=f"what arrives is {x}, channels last",
            help="put `type: channels_first` before it, or use `layer_norm`",
            input=0,
        )


@dataclass(frozen=True, slots=True)
class BatchNorm(Op):
    """Batch normalisation (torch.nn.BatchNorm1d, 2d, 3d by rank; Ioffe and Szegedy, 2015): keeps the shape."""

    num_features: int | None
    eps: float = 1e-5
    momentum: float | None = 0.1
    affine: bool = True

    def requires(self, *inputs: TensorType) -> Iterator[Violation]:
        yield from channels_first_only("batch_norm", inputs[0])

    def tensors(self) -> tuple[TensorSpec, ...]:
        n = self.num_features or 0
        return (
            *affine_pair(n, self.affine),
            TensorSpec("running_mean", (n,), ZEROS, trainable=False),
            TensorSpec("running_var", (n,), ONES, trainable=False),
            TensorSpec("num_batches_tracked", (), ZEROS, trainable=False, dtype="int64"),
        )


@dataclass(frozen=True, slots=True)
class LayerNorm(Op):
    """Layer normalisation over the channels of each position (torch.nn.LayerNorm; Ba et al., 2016): keeps the shape.

    On a map with channels first it normalises axis 1, as ConvNeXt's LayerNorm2d does.
    """

    num_features: int | None
    eps: float = 1e-5
    elementwise_affine: bool = True
    bias: bool = True

    def tensors(self) -> tuple[TensorSpec, ...]:
        return affine_pair(self.num_features or 0, self.elementwise_affine, self.bias)


@dataclass(frozen=True, slots=True)
class RMSNorm(Op):
    """Root-mean-square normalisation over the channels (torch.nn.RMSNorm; Zhang and Sennrich, 2019): keeps the shape."""

    num_features: int | None
    eps: float = 1e-6
    elementwise_affine: bool = True

    def tensors(self) -> tuple[TensorSpec, ...]:
        return affine_pair(self.num_features or 0, self.elementwise_affine, bias=False)


@dataclass(frozen=True, slots=True)
class GroupNorm(Op):
    """Group normalisation (torch.nn.GroupNorm; Wu and He, 2018): keeps the shape; `num_groups` divides the channels."""

    num_groups: int
    num_channels: int | None
    eps: float = 1e-5
    affine: bool = True

    def requires(self, *inputs: TensorType) -> Iterator[Violation]:
        yield from channels_first_only("group_norm", inputs[0])
        channels = inputs[0].channels
        if channels is not None and channels % self.num_groups:
            yield Violation(
                "A0302",
                "num_groups does not divide the channels",
                field="num_groups",
                label=f"{counted(channels, 'channel')} over {self.num_groups} groups leave {channels % self.num_groups}",
                help=f"use a divisor of {channels}",
            )

    def tensors(self) -> tuple[TensorSpec, ...]:
        return affine_pair(self.num_channels or 0, self.affine)


@dataclass(frozen=True, slots=True)
class LocalResponseNorm(Op):
    """Normalisation across neighbouring channels (torch.nn.LocalResponseNorm; Krizhevsky et al., 2012)."""

    size: int
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0

    def requires(self, *inputs: TensorType) -> Iterator[Violation]:
        yield from channels_first_only("local_response_norm", inputs[0])
        if inputs[0].rank == 0:
            yield Violation(
                "A0301",
                "local_response_norm needs spatial axes",
                label=f"what arrives is {inputs[0]}",
                input=0,
                help="move it before the flatten",
            )


@dataclass(frozen=True, slots=True)
class Normalize(Op):
    """(x - mean) / std with constants for each channel, as pictures are prepared (torchvision.transforms.Normalize)."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def channels(self) -> int | None:
        """The channels that the constants are for; None where one number serves all."""
        return None if len(self.mean) == len(self.std) == 1 else max(len(self.mean), len(self.std))

    def requires(self, *inputs: TensorType) -> Iterator[Violation]:
        yield from channels_first_only("normalize", inputs[0])
        channels = inputs[0].channels
        for field, values in (("mean", self.mean), ("std", self.std)):
            if channels is not None and len(values) not in (1, channels):
                yield Violation(
                    "A0304",
                    f"normalize needs a {field} for each channel",
                    field=field,
                    label=f"{len(values)} are given, what arrives is {inputs[0]}",
                    help=f"write {channels} numbers, or one for all channels",
                )
