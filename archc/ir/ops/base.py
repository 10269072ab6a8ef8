"""What every op has: fields, constraints (`requires`) apart from inference (`infer`), tensors and cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from archc.ir.types import TensorType

Sizes = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Violation:
    """A constraint that does not hold: the code, the values, and which field or input is guilty."""

    code: str
    message: str
    field: str | None = None
    label: str = ""
    notes: tuple[str, ...] = ()
    help: str = ""
    input: int | None = None


def counted(number: int, noun: str) -> str:
    """`1 channel`, `2 channels`."""
    return f"{number} {noun}{'s' * (number != 1)}"


@dataclass(frozen=True, slots=True)
class Init:
    """A distribution to draw a tensor from: its name (`kaiming_normal`) and its constants."""

    type: str
    constants: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """A tensor that an op owns; `name` is the last part of its state_dict key ("" : the op's path itself)."""

    name: str
    shape: tuple[int, ...]
    init: Init
    trainable: bool = True
    dtype: Literal["float32", "int64"] = "float32"


@dataclass(frozen=True, slots=True)
class Op:
    """One operation. Subclasses are frozen, final, and know shapes; how they are emitted is the targets' business.

    Sizes per spatial axis are tuples as long as the input's rank. Every method gets the input types without the batch.
    """

    arity: ClassVar[int | None] = 1
    """The number of inputs; None for a merge of two or more."""

    def requires(self, *inputs: TensorType) -> Iterator[Violation]:
        """The constraints that the inputs or the fields break; unknown sizes break none."""
        yield from ()

    def infer(self, *inputs: TensorType) -> TensorType:
        """The output's type; an unknown or impossible size is None, never an exception."""
        return inputs[0]

    def tensors(self) -> tuple[TensorSpec, ...]:
        """The learned tensors and buffers, in state_dict order."""
        return ()

    def macs(self, inputs: tuple[TensorType, ...], output: TensorType) -> int:
        """Multiply-accumulates for one example, without biases; only convolutions and linears have any."""
        return 0

    @property
    def identity_in_eval(self) -> bool:
        """Whether the op does nothing outside training."""
        return False
