"""Where one op is emitted: its names, types and sizes, and the means to add ONNX nodes and constants there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np

from archc.backends.onnx.builder import Attribute, Builder
from archc.backends.onnx.tensors import DTYPES, Array
from archc.ir import TensorType
from archc.ir.ops import Op

OpT = TypeVar("OpT", bound=Op)

FLOAT16: Final = DTYPES["float16"]


class Inexpressible(Exception):
    """An op that ONNX cannot say: `path` is where, `reason` why."""

    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path}: {reason}")


@dataclass(frozen=True)
class Site:
    """One op in its place. The node that gives the op's value has the op's path as its name, others add a suffix."""

    builder: Builder
    path: str
    inputs: tuple[str, ...]
    output: str
    types: tuple[TensorType, ...]
    free: tuple[tuple[bool, ...], ...]
    """For each input, which of its spatial axes have a size that only a run can tell."""
    free_channels: tuple[bool, ...]
    """For each input, whether only a run can tell how many channels it has: the features of a map of a free size."""
    tensors: Mapping[str, str]
    """The op's tensors: name -> initializer."""
    narrows: bool = False
    """Whether the op's value, which is computed in float32, becomes float16 at its end."""

    @property
    def x(self) -> str:
        """The first input."""
        return self.inputs[0]

    @property
    def type(self) -> TensorType:
        """The first input's type."""
        return self.types[0]

    @property
    def opset(self) -> int:
        """The version of the operators to use."""
        return self.builder.opset

    def step(self, suffix: str, kind: str, *inputs: str, **attributes: Attribute) -> str:
        """An intermediate node, named by the path and `suffix`, as is its result."""
        name = f"{self.path}/{suffix}"
        return self.builder.node(kind, inputs, name, name, **attributes)

    def final(self, kind: str, *inputs: str, **attributes: Attribute) -> None:
        """The node that gives the op's value."""
        if self.narrows:
            kind, inputs, attributes = "Cast", (self.step("wide", kind, *inputs, **attributes),), {"to": FLOAT16}
        self.builder.node(kind, inputs, self.output, self.path, **attributes)

    def constant(self, suffix: str, array: Array) -> str:
        """A constant of the op."""
        return self.builder.initializer(f"{self.path}/{suffix}", array)

    def exact(self, suffix: str, array: Array) -> str:
        """A constant that keeps its type where numbers are float16."""
        return self.builder.initializer(f"{self.path}/{suffix}", array, exact=True)

    def integers(self, suffix: str, *values: int) -> str:
        """A vector of whole numbers."""
        return self.constant(suffix, np.array(values, np.int64))

    def number(self, suffix: str, value: float | str) -> str:
        """A scalar, float32 or float16 as numbers are; one beyond float16 becomes infinite there."""
        array = np.array(value, np.float32)
        with np.errstate(over="ignore"):
            return self.exact(suffix, array.astype(np.float16) if self.builder.half else array)

    def whole(self, suffix: str, value: int) -> str:
        """An int64 scalar."""
        return self.constant(suffix, np.array(value, np.int64))

    def reduce(self, suffix: str | None, kind: str, x: str, axis: int, keepdims: int = 1) -> str:
        """A reduction along one axis; the op's value where `suffix` is None."""
        stem = f"{suffix}/" if suffix else ""
        attributes: dict[str, Attribute] = {"keepdims": keepdims}
        inputs = [x]
        if self.opset >= (13 if kind == "ReduceSum" else 18):
            inputs.append(self.integers(f"{stem}axes", axis))
        else:
            attributes["axes"] = (axis,)
        if suffix:
            return self.step(suffix, kind, *inputs, **attributes)
        self.final(kind, *inputs, **attributes)
        return self.output

    def per_channel(self, name: str) -> str:
        """The op's tensor `name` of shape (C,), in the shape that broadcasts over the input."""
        if self.type.rank == 0 or self.type.layout == "channels_last":
            return self.tensors[name]
        shape = self.integers(f"{name}/shape", -1, *(1,) * self.type.rank)
        return self.step(f"{name}/reshape", "Reshape", self.tensors[name], shape)

    def input_shape(self) -> str:
        """A vector that reshapes a value to the shape of the first input."""
        channels = self.free_channels[0]
        free = (channels, *self.free[0]) if self.type.layout == "channels_first" else (*self.free[0], channels)
        if sum(free) > 1:
            return self.step("shape", "Shape", self.x)
        return self.integers("shape", 0, *(-1 if f else size for f, size in zip(free, self.type.shape, strict=True)))


Emitter = Callable[[Site, Any], None]
EMITTERS: Final[dict[type[Op], Emitter]] = {}
"""The emitter of each op; an op without one exists in training only."""


def emits(kind: type[OpT]) -> Callable[[Callable[[Site, OpT], None]], Callable[[Site, OpT], None]]:
    """Enter the decorated function as the emitter of `kind`."""

    def register(emitter: Callable[[Site, OpT], None]) -> Callable[[Site, OpT], None]:
        EMITTERS[kind] = emitter
        return emitter

    return register
