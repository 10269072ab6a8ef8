"""Adds nodes and tensors to a model in the making."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import onnx
from onnx import helper

from archc.backends.onnx.tensors import Array, Tensor, constant, halved, reshaped, transposed

Attribute = int | float | str | Sequence[int]


@dataclass(frozen=True)
class Builder:
    """Adds to a graph, in place, since a message that is put into another is copied with all that it holds."""

    graph: onnx.GraphProto
    opset: int
    half: bool = False
    """Whether numbers are float16."""
    folds: bool = False
    """Whether nodes on constants alone are computed here."""
    tensors: dict[str, Tensor] = field(default_factory=dict)
    makers: dict[str, tuple[str, str]] = field(default_factory=dict)
    """The operator that gives each value, and its first input, by the value's name."""

    @property
    def wide(self) -> Builder:
        """The same graph, with what is added in float32."""
        return replace(self, half=False)

    @property
    def number_type(self) -> int:
        """ONNX's word for the type of numbers."""
        return int(onnx.TensorProto.FLOAT16 if self.half else onnx.TensorProto.FLOAT)

    def node(self, kind: str, inputs: Sequence[str], output: str, name: str, **attributes: Attribute) -> str:
        """Add a node with one output, whose name it gives back."""
        if self.folds and self._computed(kind, inputs, output, attributes):
            return output
        node = self.graph.node.add(op_type=kind, name=name, input=inputs, output=[output])
        node.attribute.extend(helper.make_attribute(key, attributes[key]) for key in sorted(attributes))
        self.makers[output] = (kind, next(iter(inputs), ""))
        return output

    def maker(self, value: str) -> str:
        """The operator that gives a value, whatever the order of its axes; "" for an input."""
        kind, source = self.makers.get(value, ("", ""))
        while kind == "Transpose":
            kind, source = self.makers.get(source, ("", ""))
        return kind

    def _computed(self, kind: str, inputs: Sequence[str], output: str, attributes: dict[str, Attribute]) -> bool:
        """Whether the node's value became a tensor: one in another shape, or with its axes in another order."""
        source = self.tensors.get(inputs[0])
        if source is None or kind not in ("Reshape", "Transpose"):
            return False
        if kind == "Transpose":
            self.tensors[output] = transposed(source, output, cast("tuple[int, ...]", attributes["perm"]))
            return True
        if inputs[1] not in self.tensors:
            return False
        wanted = tuple(int(size) for size in self.tensors[inputs[1]].make())
        rest = source.bytes // max(reshaped(source, "", tuple(abs(size) for size in wanted)).bytes, 1)
        self.tensors[output] = reshaped(source, output, tuple(rest if size == -1 else size for size in wanted))
        return True

    def tensor(self, tensor: Tensor) -> str:
        """Add a tensor, in float16 where numbers are."""
        is_number = tensor.dtype == "float32"
        self.tensors[tensor.name] = halved(tensor) if self.half and is_number else tensor
        return tensor.name

    def initializer(self, name: str, array: Array, exact: bool = False) -> str:
        """Add a constant; one that is `exact` keeps its type whatever numbers are."""
        return self.wide.tensor(constant(name, array)) if exact else self.tensor(constant(name, array))

    def used_tensors(self) -> tuple[Tensor, ...]:
        """The tensors that a node takes, in the order in which they were added."""
        used = {name for node in self.graph.node for name in node.input}
        return tuple(tensor for name, tensor in self.tensors.items() if name in used)
