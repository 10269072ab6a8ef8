"""Builds the ModelProto: names, types, nodes and initializers, in the order of the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata as packages
from typing import Final

import onnx
from onnx import helper

from archc.backends.onnx import emit_activation, emit_adaptive, emit_conv, emit_layout, emit_norm, emit_pool
from archc.backends.onnx.free import Free, free_axes
from archc.backends.onnx.site import DTYPES, EMITTERS, Array, Builder, Inexpressible, Site
from archc.ir import Graph, Node, TensorType
from archc.ir.passes import inference, run_passes

EMITTING: Final = (emit_activation, emit_adaptive, emit_conv, emit_layout, emit_norm, emit_pool)
"""The modules whose import fills EMITTERS."""

IR_VERSIONS: Final[Mapping[int, int]] = {
    18: 8,
    19: 9,
    20: 9,
    21: 10,
    22: 10,
    23: 11,
    24: 12,
    25: 13,
    26: 13,
}
"""For each opset, the file format of the onnx release that brought it (onnx.helper.VERSION_TABLE)."""

SUPPORTED_OPSETS: Final = tuple(IR_VERSIONS)
DEFAULT_OPSET: Final = 20
"""The first with Gelu; onnxruntime reads it since 1.17, of January 2024."""

BATCH: Final = "N"
INPUT: Final = "input"


@dataclass(frozen=True)
class Names:
    """The tensor of each value, and the outputs that are a second name of one."""

    tensor: Mapping[int, str]
    aliases: tuple[tuple[str, str], ...]
    outputs: tuple[tuple[str, int], ...]


def to_onnx(
    graph: Graph,
    state: Mapping[str, Array],
    *,
    opset: int = DEFAULT_OPSET,
    metadata: Mapping[str, str] | None = None,
    stage_outputs: bool = False,
) -> onnx.ModelProto:
    """The network as it acts in inference, with the tensors of `state` (by state_dict key) in it.

    `stage_outputs` makes every value an output, in the order of the nodes after the network's own outputs; see
    `tensor_names`. Raises ValueError for an opset that is not one of SUPPORTED_OPSETS or a `state` that does not fit,
    Inexpressible where ONNX cannot say an op.
    """
    if opset not in IR_VERSIONS:
        raise ValueError(f"opset {opset} is not one of {SUPPORTED_OPSETS[0]} to {SUPPORTED_OPSETS[-1]}")
    graph = run_passes(graph, [inference])
    model = _model(graph.name, opset, metadata or {})
    names, free, builder = _names(graph), free_axes(graph), Builder(model.graph, opset)
    for node in graph.nodes:
        _add_tensors(node, state, builder)
        _emit(node, graph, names, free, builder)
    for name, source in names.aliases:
        builder.node("Identity", [source], name, f"{name}/identity")
    axes = tuple(axis.name for axis in graph.input.axes)
    model.graph.input.append(_value(INPUT, graph.input.type, free[0], axes))
    model.graph.output.extend(_value(name, graph.types[value], free[value]) for name, value in names.outputs)
    shown = {name for name, _ in names.outputs}
    inner = model.graph.output if stage_outputs else model.graph.value_info
    for value in (node.output for node in graph.nodes):
        if names.tensor[value] not in shown:
            inner.append(_value(names.tensor[value], graph.types[value], free[value]))
    return model


def tensor_names(graph: Graph) -> dict[int, str]:
    """The ONNX tensor of each value that inference computes; dropout's value has its input's."""
    lean = run_passes(graph, [inference])
    names = dict(_names(lean).tensor)
    for node in graph.nodes:
        if node.op.identity_in_eval and node.path in graph.inference_nodes:
            names[node.output] = names[node.inputs[0]]
    return names


def _names(graph: Graph) -> Names:
    """Outputs have the spec's names, other tensors the path of their node; "/output" is added where that is taken."""
    taken = {INPUT, *(key for key, *_ in graph.tensors())}
    tensor, aliases, outputs = {0: INPUT}, [], []
    for output in graph.outputs:
        name = _fresh(output.name, taken)
        outputs.append((name, output.value))
        if output.value in tensor:
            aliases.append((name, tensor[output.value]))
        else:
            tensor[output.value] = name
    for node in graph.nodes:
        if node.output not in tensor:
            tensor[node.output] = _fresh(node.path, taken)
    return Names(tensor, tuple(aliases), tuple(outputs))


def _fresh(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "/output"
    taken.add(name)
    return name


def _add_tensors(node: Node, state: Mapping[str, Array], builder: Builder) -> None:
    """The op's tensors; counters, which only training reads, are left out."""
    for key, tensor, _ in node.tensors():
        if tensor.dtype != "float32":
            continue
        array = state.get(key)
        if array is None or array.shape != tensor.shape or array.dtype.name != tensor.dtype:
            found = "nothing" if array is None else f"{array.dtype} {array.shape}"
            raise ValueError(f"{key} should be {tensor.dtype} {tensor.shape}, the state holds {found}")
        builder.initializer(key, array)


def _emit(node: Node, graph: Graph, names: Names, free: Mapping[int, Free], builder: Builder) -> None:
    emitter = EMITTERS.get(type(node.op))
    if emitter is None:
        raise Inexpressible(node.path, f"ONNX has no {type(node.op).__name__}")
    site = Site(
        builder,
        node.path,
        tuple(names.tensor[value] for value in node.inputs),
        names.tensor[node.output],
        tuple(graph.types[value] for value in node.inputs),
        tuple(free[value].spatial for value in node.inputs),
        {tensor.name: key for key, tensor, _ in node.tensors() if tensor.dtype == "float32"},
    )
    emitter(site, node.op)


def _value(name: str, type: TensorType, free: Free, axes: Sequence[str] = ()) -> onnx.ValueInfoProto:
    """`name` with its shape: the batch is "N", an input's free axis has its word, another free size is left unsaid."""
    words = axes or (None,) * type.rank
    spatial = [word if is_free else size for size, is_free, word in zip(type.spatial, free.spatial, words, strict=True)]
    channels = None if free.channels else type.channels
    dims = (channels, *spatial) if type.layout == "channels_first" else (*spatial, channels)
    return helper.make_tensor_value_info(name, DTYPES["float32"], [BATCH, *dims])


def _model(name: str, opset: int, metadata: Mapping[str, str]) -> onnx.ModelProto:
    model = onnx.ModelProto(ir_version=IR_VERSIONS[opset], producer_name="archc", producer_version=_version())
    model.doc_string = f"{name}, as it acts in inference"
    model.opset_import.add(domain="", version=opset)
    model.graph.name = name
    for key in sorted(metadata):
        model.metadata_props.add(key=key, value=metadata[key])
    return model


def _version() -> str:
    try:
        return packages.version("archc-compiler")
    except packages.PackageNotFoundError:  # run from a checkout that is not installed
        return ""
