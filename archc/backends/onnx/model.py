"""Builds a model: names, types, nodes and tensors, in the order of the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import onnx
from onnx import helper

from archc.backends.fold import FoldedState
from archc.backends.onnx import emit_activation, emit_adaptive, emit_conv, emit_layout, emit_norm, emit_pool
from archc.backends.onnx.builder import Builder
from archc.backends.onnx.free import Free, free_axes
from archc.backends.onnx.site import EMITTERS, Inexpressible, Site
from archc.backends.onnx.tensors import DTYPES, Array, Tensor
from archc.ir import Graph, Node, TensorType
from archc.ir.ops import Activation, Add, BatchNorm, Conv, LayerNorm, LocalResponseNorm, Op, RMSNorm
from archc.ir.passes import fold, inference, run_passes
from archc.version import __version__

EMITTING: Final = (emit_activation, emit_adaptive, emit_conv, emit_layout, emit_norm, emit_pool)
"""The modules whose import fills EMITTERS."""

IR_VERSIONS: Final[Mapping[int, int]] = {
    13: 7,
    14: 7,
    15: 8,
    16: 8,
    17: 8,
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


@dataclass(frozen=True, slots=True)
class Form:
    """What a file is to be like, beside what the graph says."""

    opset: int = DEFAULT_OPSET
    fold: bool = False
    """Whether batch norms and scales go into the layers before them, and what depends on constants alone is computed."""
    half: bool = False
    """Whether weights and computation are float16; inputs and outputs stay float32."""
    batch: int | None = None
    """The batch, if it is fixed."""


@dataclass(frozen=True)
class Names:
    """The tensor of each value, and the outputs that are a second name of one."""

    tensor: Mapping[int, str]
    aliases: tuple[tuple[str, str], ...]
    outputs: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Model:
    """A model whose tensors are made when they are written: `proto` holds all but them."""

    proto: onnx.ModelProto
    tensors: tuple[Tensor, ...] = ()

    @property
    def bytes(self) -> int:
        """The size of its tensors."""
        return sum(tensor.bytes for tensor in self.tensors)

    def whole(self) -> onnx.ModelProto:
        """The message with its tensors in it."""
        model = onnx.ModelProto()
        model.CopyFrom(self.proto)
        for tensor in self.tensors:
            proto = model.graph.initializer.add()
            proto.CopyFrom(tensor.proto)
            proto.raw_data = tensor.values().tobytes()
        return model


def to_onnx(
    graph: Graph,
    state: Mapping[str, Array],
    *,
    opset: int = DEFAULT_OPSET,
    metadata: Mapping[str, str] | None = None,
    stage_outputs: bool = False,
) -> onnx.ModelProto:
    """The model that `build` makes, with its tensors in it."""
    return build(graph, state, Form(opset), metadata=metadata, stage_outputs=stage_outputs).whole()


def build(
    graph: Graph,
    state: Mapping[str, Array],
    form: Form = Form(),
    *,
    metadata: Mapping[str, str] | None = None,
    stage_outputs: bool = False,
) -> Model:
    """The network as it acts in inference, with the tensors of `state` (by state_dict key), which are not asked for yet.

    `stage_outputs` makes every value an output, in the order of the nodes after the network's own outputs; see
    `tensor_names`. Raises ValueError for an opset that is not one of SUPPORTED_OPSETS or a `state` that lacks tensors
    (making the tensors does where they do not fit), Inexpressible where ONNX cannot say an op.
    """
    if form.opset not in IR_VERSIONS:
        raise ValueError(f"opset {form.opset} is not one of {SUPPORTED_OPSETS[0]} to {SUPPORTED_OPSETS[-1]}")
    graph = run_passes(graph, [inference])
    if form.fold:
        graph, state = run_passes(graph, [fold]), FoldedState.of(graph, state)
    model = _model(graph.name, form.opset, metadata or {})
    names, free = _names(graph, form.half), free_axes(graph)
    builder = Builder(model.graph, form.opset, form.half, form.fold)
    axes = tuple(axis.name for axis in graph.input.axes)
    model.graph.input.append(_value(INPUT, graph.input.type, free[0], form.batch, axes=axes))
    if form.half:
        builder.node("Cast", [INPUT], names.tensor[0], names.tensor[0], to=DTYPES["float16"])
    for node in graph.nodes:
        _emit(node, graph, names, free, builder, state)
    for name, source in names.aliases:
        if form.half:
            builder.node("Cast", [source], name, f"{name}/cast", to=DTYPES["float32"])
        else:
            builder.node("Identity", [source], name, f"{name}/identity")
    model.graph.output.extend(
        _value(name, graph.types[value], free[value], form.batch) for name, value in names.outputs
    )
    shown = {name for name, _ in names.outputs}
    inner = model.graph.output if stage_outputs else model.graph.value_info
    dtype = "float16" if form.half else "float32"
    for value in (node.output for node in graph.nodes):
        if names.tensor[value] not in shown:
            inner.append(_value(names.tensor[value], graph.types[value], free[value], form.batch, dtype))
    return Model(model, builder.used_tensors())


def tensor_names(graph: Graph, form: Form = Form()) -> dict[int, str]:
    """The ONNX tensor of each value that inference computes; dropout's value has its input's.

    What a folded layer swallowed has none.
    """
    lean = run_passes(graph, [inference, fold] if form.fold else [inference])
    names = dict(_names(lean, form.half).tensor)
    for node in graph.nodes:
        if node.op.identity_in_eval and node.path in graph.inference_nodes and node.inputs[0] in names:
            names[node.output] = names[node.inputs[0]]
    return names


def _names(graph: Graph, half: bool = False) -> Names:
    """Outputs have the spec's names, other tensors the path of their node; "/output" is added where that is taken.

    Where values are `half`, the outputs are others than the values that they show.
    """
    taken = {INPUT, *(key for key, *_ in graph.tensors())}
    tensor, aliases, outputs = {0: _fresh(f"{INPUT}/half", taken) if half else INPUT}, [], []
    summed = _summed_convolutions(graph)
    for output in graph.outputs:
        name = _fresh(output.name, taken)
        outputs.append((name, output.value))
        if half or output.value in tensor or output.value in summed:
            aliases.append((name, output.value))
        else:
            tensor[output.value] = name
    for node in graph.nodes:
        if node.output not in tensor:
            tensor[node.output] = _fresh(node.path, taken)
    return Names(tensor, tuple((name, tensor[value]) for name, value in aliases), tuple(outputs))


def _summed_convolutions(graph: Graph) -> set[int]:
    """What convolutions give, normalised or not, and an addition takes.

    onnxruntime (1.32) adds into such a value in its place, and refuses the file if the value is an output under its own
    name; a second name keeps it.
    """
    added = {value for node in graph.nodes if isinstance(node.op, Add) for value in node.inputs}
    return {node.output for node in graph.nodes if node.output in added and isinstance(node.op, (Conv, BatchNorm))}


def _fresh(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "/output"
    taken.add(name)
    return name


def _tensors(node: Node, state: Mapping[str, Array], builder: Builder) -> dict[str, str]:
    """Adds the op's tensors, and gives their names by the op's; counters, which only training reads, are left out."""
    found = {}
    for key, tensor, _ in node.tensors():
        if tensor.dtype != "float32":
            continue
        if key not in state:
            raise ValueError(f"{key} should be {tensor.dtype} {tensor.shape}, the state holds nothing")
        found[tensor.name] = builder.tensor(Tensor(key, tensor.dtype, tensor.shape, partial(state.__getitem__, key)))
    return found


def needs_float32(op: Op, opset: int) -> bool:
    """Whether an op is computed in float32 where others are not: its squares leave float16, or ONNX has it in float32 only."""
    if isinstance(op, LayerNorm):
        return opset < emit_norm.LAYER_NORM
    return isinstance(op, LocalResponseNorm | RMSNorm) or (isinstance(op, Activation) and op.function == "celu")


def _emit(
    node: Node, graph: Graph, names: Names, free: Mapping[int, Free], builder: Builder, state: Mapping[str, Array]
) -> None:
    emitter = EMITTERS.get(type(node.op))
    if emitter is None:
        raise Inexpressible(node.path, f"ONNX has no {type(node.op).__name__}")
    inputs = tuple(names.tensor[value] for value in node.inputs)
    narrows = builder.half and needs_float32(node.op, builder.opset)
    if narrows:
        builder = builder.wide
        stems = [f"{node.path}/input{at or ''}" for at in range(len(inputs))]
        inputs = tuple(
            builder.node("Cast", [name], stem, stem, to=DTYPES["float32"])
            for name, stem in zip(inputs, stems, strict=True)
        )
    site = Site(
        builder,
        node.path,
        inputs,
        names.tensor[node.output],
        tuple(graph.types[value] for value in node.inputs),
        tuple(free[value].spatial for value in node.inputs),
        tuple(free[value].channels for value in node.inputs),
        _tensors(node, state, builder),
        narrows,
    )
    emitter(site, node.op)


def _value(
    name: str,
    type: TensorType,
    free: Free,
    batch: int | None,
    dtype: str = "float32",
    axes: Sequence[str] = (),
) -> onnx.ValueInfoProto:
    """`name` with its shape: a free batch is "N", an input's free axis has its word, another free size is left unsaid."""
    words = axes or (None,) * type.rank
    spatial = [word if is_free else size for size, is_free, word in zip(type.spatial, free.spatial, words, strict=True)]
    channels = None if free.channels else type.channels
    dims = (channels, *spatial) if type.layout == "channels_first" else (*spatial, channels)
    return helper.make_tensor_value_info(name, DTYPES[dtype], [batch or BATCH, *dims])


def _model(name: str, opset: int, metadata: Mapping[str, str]) -> onnx.ModelProto:
    model = onnx.ModelProto(ir_version=IR_VERSIONS[opset], producer_name="archc", producer_version=__version__)
    model.doc_string = f"{name}, as it acts in inference"
    model.opset_import.add(domain="", version=opset)
    model.graph.name = name
    for key in sorted(metadata):
        model.metadata_props.add(key=key, value=metadata[key])
    return model
