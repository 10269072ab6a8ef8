"""Ops that act in training only, and the learned scale."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from archc.ir.ops.base import Init, Op, TensorSpec, Violation
from archc.ir.types import TensorType


@dataclass(frozen=True, slots=True)
class Dropout(Op):
    """Elements zeroed with probability p in training (torch.nn.Dropout; Srivastava et al., 2014); whole channels
    where `channelwise` (torch.nn.Dropout1d, 2d, 3d by rank)."""

    p: float = 0.5
    channelwise: bool = False

    def requires(self, *inputs: TensorType) -> Iterator[Violation]:
        (x,) = inputs
        if self.channelwise and (x.rank == 0 or x.layout != "channels_first"):
            yield Violation(
                "A0301",
                "channelwise dropout needs a map with its channels first",
                field="channelwise",
                label=f"what arrives is {x}",
                help="leave `channelwise` out",
            )

    @property
    def identity_in_eval(self) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class StochasticDepth(Op):
    """A branch dropped with probability p in training (Huang et al., 2016), per example (`row`) or per batch."""

    p: float
    mode: Literal["row", "batch"] = "row"

    @property
    def identity_in_eval(self) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class Scale(Op):
    """A learned factor for each channel (LayerScale; Touvron et al., 2021): keeps the shape.

    Its tensor is the op's path itself, of shape (C, 1, ..., 1) with channels first and (C,) with channels last.
    """

    channels: int | None
    ones: int
    init_value: float = 1.0

    def tensors(self) -> tuple[TensorSpec, ...]:
        shape = (self.channels or 0, *(1,) * self.ones)
        return (TensorSpec("", shape, Init("constant", {"value": self.init_value})),)
