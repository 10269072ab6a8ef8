"""What a graph becomes in ONNX, node by node, without its weights: operators, attributes and the shapes of values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import onnx
from onnx import helper, shape_inference

from archc.backends.initialise import Drawn
from archc.backends.onnx.builder import Attribute
from archc.backends.onnx.model import Form, Model, build, tensor_names
from archc.backends.onnx.tensors import DTYPES
from archc.ir import Graph, TensorType

Dims = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Emitted:
    """One node of the file."""

    kind: str
    """The ONNX operator."""
    path: str
    """The stage that it belongs to; "" for the input."""
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    dims: Dims | None = None
    """The shape of its value, the batch and what only a run can tell being None; None where it was not asked for."""
    is_inner: bool = False
    """Whether its value depends on the input and is not that of the stage: what a stage in several parts has within."""
    output: str = ""
    """The output of the network that it makes of another value, if it does: a second name, or one in float32."""


def emitted(graph: Graph, form: Form, types: Sequence[TensorType] | None = None) -> list[Emitted]:
    """The nodes that `build` makes, in their order; with `types`, those of the values of `graph`, their shapes too.

    No weight is made. Raises Inexpressible where ONNX cannot say an op.
    """
    model = build(graph, Drawn(graph, 0), form)
    dims = _dims(model, {name: types[value] for value, name in tensor_names(graph, form).items()} if types else {})
    outputs = {output.name for output in model.proto.graph.output}
    source = {model.proto.graph.input[0].name: ""}  # the stage of each value that depends on the input
    found = []
    for at, node in enumerate(model.proto.graph.node):
        value, (stage, _, step) = node.output[0], node.name.partition("/")
        is_second = bool(step) and value in outputs  # a stage gives an output by the node that has its path for a name
        path = source[node.input[0]] if is_second else "" if form.half and at == 0 else stage
        flows = node.op_type != "Shape" and any(name in source for name in node.input)
        if flows:
            source[value] = path
        is_inner = bool(step) and flows and path != "" and not is_second
        attributes = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        second = value if is_second else ""
        found.append(Emitted(node.op_type, path, attributes, dims.get(value), is_inner, second))
    return found


KNOWN: Final = "int64"
"""The type of the constants that shapes depend on; no weight has it."""


def _dims(model: Model, types: Mapping[str, TensorType]) -> dict[str, Dims]:
    """The shape of every value, by onnx's own rules, from those of the stages' values; none without these."""
    if not types:
        return {}
    proto = onnx.ModelProto()
    proto.CopyFrom(model.proto)
    graph = proto.graph
    for info in (*graph.input, *graph.output, *graph.value_info):
        if info.name in types:
            shape = info.type.tensor_type.shape
            for dim, size in zip(list(shape.dim)[1:], types[info.name].shape, strict=True):
                dim.dim_value = size
    for tensor in model.tensors:
        if tensor.dtype == KNOWN:
            graph.initializer.add().CopyFrom(tensor.proto)
            graph.initializer[-1].raw_data = tensor.values().tobytes()
        else:
            graph.input.append(helper.make_tensor_value_info(tensor.name, DTYPES[tensor.dtype], tensor.shape))
    made = shape_inference.infer_shapes(proto, data_prop=True).graph
    return {
        info.name: tuple(
            dim.dim_value if dim.HasField("dim_value") else None for dim in info.type.tensor_type.shape.dim
        )
        for info in (*made.value_info, *made.output)
        if info.type.tensor_type.HasField("shape")
    }
