"""The shape rules run again at another input size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from archc.ir import ops
from archc.ir.graph import Graph, Node
from archc.ir.ops import Violation
from archc.ir.types import TensorType


@dataclass(frozen=True, slots=True)
class SizeFault:
    """A size at which the network does not work: the node that refuses, and why."""

    sizes: tuple[int, ...]
    node: Node
    violation: Violation

    @property
    def message(self) -> str:
        """What the node complains of, with the values."""
        return f"{self.violation.message}, {self.violation.label}" if self.violation.label else self.violation.message

    @property
    def reason(self) -> str:
        """The node and its complaint."""
        return f"`{self.node.path}`: {self.message}"


def types_at(graph: Graph, sizes: tuple[int, ...], training: bool = True) -> tuple[list[TensorType], SizeFault | None]:
    """The type of every value at `sizes` along the spatial axes, up to the first node that refuses."""
    types = list(graph.types)
    types[0] = replace(graph.types[0], spatial=sizes)
    for node in graph.nodes:
        if not training and node.path not in graph.inference_nodes:
            continue
        inputs = tuple(types[value] for value in node.inputs)
        fault = next(node.op.requires(*inputs), None) or _width(node, inputs)
        if fault is not None:
            return types, SizeFault(sizes, node, fault)
        types[node.output] = node.op.infer(*inputs)
    return types, None


def _width(node: Node, inputs: tuple[TensorType, ...]) -> Violation | None:
    """What has tensors behind a flatten takes as many features as the default size gives."""
    declared = declared_channels(node.op)
    if declared is None or inputs[0].channels == declared:
        return None
    message = f"{node.type} takes {declared} features, {inputs[0].channels} arrive"
    return Violation("A0312", message, help="pool to a fixed size before the flatten, say with `global_avg_pool`")


CHANNEL_FIELDS: Final = ("in_channels", "in_features", "num_features", "num_channels", "num_parameters", "channels")
"""The fields of ops that fix the channels of their input."""


def declared_channels(op: ops.Op) -> int | None:
    """The channels that an op's tensors are made for, or None if it takes any."""
    if isinstance(op, ops.PReLU) and op.num_parameters == 1:
        return None
    return next((getattr(op, name) for name in CHANNEL_FIELDS if hasattr(op, name)), None)
