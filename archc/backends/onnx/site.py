"""Where one op is emitted: its names, types and sizes, and the means to add ONNX nodes and constants there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from archc.ir import TensorType
from archc.ir.ops import Op

Array = NDArray[Any]
Attribute = int | float | str | Sequence[int]
OpT = TypeVar("OpT", bound=Op)

DTYPES: Final[Mapping[str, int]] = {
    "float32": onnx.TensorProto.FLOAT,
    "int64": onnx.TensorProto.INT64,
}


class Inexpressible(Exception):
    """An op that ONNX cannot say: `path` is where, `reason` why."""

    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path}: {reason}")


@dataclass(frozen=True)
class Builder:
    """Adds to a graph, in place, since a message that is put into another is copied with all its weights."""

    graph: onnx.GraphProto
    opset: int

    def node(self, kind: str, inputs: Sequence[str], output: str, name: str, **attributes: Attribute) -> str:
        """Add a node with one output, whose name it gives back."""
        node = self.graph.node.add(op_type=kind, name=name, input=inputs, output=[output])
        node.attribute.extend(helper.make_attribute(key, attributes[key]) for key in sorted(attributes))
        return output

    def initializer(self, name: str, array: Array) -> str:
        """Add a tensor, its bytes little-endian whatever the machine."""
        proto = self.graph.initializer.add(name=name, data_type=DTYPES[array.dtype.name], dims=array.shape)
        proto.raw_data = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
        return name


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
    tensors: Mapping[str, str]
    """The op's tensors: name -> initializer."""

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
        self.builder.node(kind, inputs, self.output, self.path, **attributes)

    def constant(self, suffix: str, array: Array) -> str:
        """A constant of the op."""
        return self.builder.initializer(f"{self.path}/{suffix}", array)

    def integers(self, suffix: str, *values: int) -> str:
        """A vector of whole numbers."""
        return self.constant(suffix, np.array(values, np.int64))

    def number(self, suffix: str, value: float | str) -> str:
        """A float32 scalar."""
        return self.constant(suffix, np.array(value, np.float32))

    def whole(self, suffix: str, value: int) -> str:
        """An int64 scalar."""
        return self.constant(suffix, np.array(value, np.int64))

    def reduce(self, suffix: str | None, kind: str, x: str, axis: int, keepdims: int = 1) -> str:
        """A reduction along one axis; the op's value where `suffix` is None."""
        stem = f"{suffix}/" if suffix else ""
        attributes: dict[str, Attribute] = {"keepdims": keepdims}
        inputs = [x, self.integers(f"{stem}axes", axis)]
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
        free = (False, *self.free[0]) if self.type.layout == "channels_first" else (*self.free[0], False)
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
