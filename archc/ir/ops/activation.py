"""Element-wise functions, and soft-max."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from archc.ir.ops.base import Init, Op, TensorSpec, Violation
from archc.ir.types import TensorType

FUNCTIONS: Final[Mapping[str, Mapping[str, float | str]]] = {
    "celu": {"alpha": 1.0},
    "elu": {"alpha": 1.0},
    "gelu": {"approximate": "none"},
    "hardsigmoid": {},
    "hardswish": {},
    "hardtanh": {"min_val": -1.0, "max_val": 1.0},
    "leaky_relu": {"negative_slope": 0.01},
    "mish": {},
    "relu": {},
    "relu6": {},
    "selu": {},
    "sigmoid": {},
    "silu": {},
    "softplus": {"beta": 1.0},
    "softsign": {},
    "tanh": {},
}
"""The unary functions, by PyTorch's functional name, with their constants and PyTorch's defaults."""


@dataclass(frozen=True, slots=True)
class Activation(Op):
    """A unary function of each element: one of FUNCTIONS, with its constants; keeps the shape."""

    function: str
    constants: Mapping[str, float | str] = field(default_factory=dict)

    def requires(self, *inputs: TensorType) -> Iterator[Violation]:
        low, high = self.constants.get("min_val"), self.constants.get("max_val")
        if low is not None and high is not None and not float(low) < float(high):
            yield Violation(
                "A0104",
                "min_val is not below max_val",
                field="min_val",
                label=f"{low}, max_val is {high}",
                help="raise `max_val` or lower `min_val`",
            )


@dataclass(frozen=True, slots=True)
class PReLU(Op):
    """ReLU with a learned slope below zero (torch.nn.PReLU; He et al., 2015), one for all channels or one for each."""

    num_parameters: int | None
    init_value: float = 0.25

    def requires(self, *inputs: TensorType) -> Iterator[Violation]:
        if inputs[0].rank and inputs[0].layout != "channels_first" and self.num_parameters != 1:
            yield Violation(
                "A0310",
                "prelu with a slope for each channel needs channels first",
                input=0,
                label=f"what arrives is {inputs[0]}, channels last",
                help="put `type: channels_first` before it",
            )

    def tensors(self) -> tuple[TensorSpec, ...]:
        return (TensorSpec("weight", (self.num_parameters or 0,), Init("constant", {"value": self.init_value})),)


@dataclass(frozen=True, slots=True)
class Softmax(Op):
    """Soft-max over the channels (torch.nn.Softmax, LogSoftmax); keeps the shape."""

    log: bool = False
