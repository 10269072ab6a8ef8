"""The attributes of every op, side by side: the op's fields, the module's and the ONNX nodes'.

A wrong epsilon hides below any tolerance, so that what cannot be seen in numbers is compared as it is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import nn

from archc.ir import ops
from archc.ir.graph import Graph, Node

LINEAR = {"linear": "linear", "bilinear": "linear", "trilinear": "linear", "nearest": "nearest"}
PAD_MODES = {"Constant": "constant", "Zero": "constant", "Reflection": "reflect", "Replication": "edge"}


@dataclass(frozen=True)
class File:
    """An ONNX model by the names of its nodes and initializers."""

    nodes: Mapping[str, onnx.NodeProto]
    tensors: Mapping[str, onnx.TensorProto]

    @classmethod
    def of(cls, model: onnx.ModelProto) -> File:
        return cls({n.name: n for n in model.graph.node}, {t.name: t for t in model.graph.initializer})

    def attributes(self, name: str) -> dict[str, Any]:
        """The attributes of a node, text as text."""
        found = {one.name: helper.get_attribute_value(one) for one in self.nodes[name].attribute}
        return {key: value.decode() if isinstance(value, bytes) else value for key, value in found.items()}

    def number(self, name: str) -> Any:
        """The values of an initializer."""
        return numpy_helper.to_array(self.tensors[name])

    def node(self, path: str, kind: str) -> str:
        """The one node of an op that has an operator: its name."""
        (found,) = [name for name, node in self.nodes.items() if of_path(name, path) and node.op_type == kind]
        return found

    def has(self, path: str, kind: str) -> bool:
        """Whether an op has a node of an operator."""
        return any(of_path(name, path) and node.op_type == kind for name, node in self.nodes.items())


def of_path(name: str, path: str) -> bool:
    return name == path or name.startswith(path + "/")


def single(value: Any) -> Any:
    """A float as ONNX keeps it; a sequence as a tuple."""
    if isinstance(value, float):
        return float(np.float32(value))
    return tuple(single(one) for one in value) if isinstance(value, (list, tuple, np.ndarray)) else value


def differences(graph: Graph, net: nn.Module, model: onnx.ModelProto) -> Iterator[str]:
    """Every attribute that differs, with its values."""
    file = File.of(model)
    modules = dict(net.named_modules())
    for node in graph.nodes:
        module = modules.get(node.path)
        pairs = [*field_pairs(node, module)] if module is not None else []
        if node.path in graph.inference_nodes and not node.op.identity_in_eval:
            rank = graph.types[node.inputs[0]].rank
            pairs += onnx_pairs(node, module, file, rank)
        for name, a, b in pairs:
            if single(a) != single(b):
                yield f"{node.path} ({type(node.op).__name__}): {name} is {a!r} and {b!r}"


def field_pairs(node: Node, module: nn.Module) -> Iterator[tuple[str, Any, Any]]:
    """The op's fields beside the module's attributes of the same name."""
    op: Any = node.op
    given = {one.name: getattr(op, one.name) for one in fields(op)}
    if isinstance(op, ops.Activation):
        given = {**ops.FUNCTIONS[op.function], **op.constants}
    if isinstance(op, ops.PReLU):
        given["init"] = given.pop("init_value")
    for name, value in given.items():
        if not hasattr(module, name) or name == "mode":
            continue
        theirs = getattr(module, name)
        if name == "bias":
            theirs = theirs is not None
        if isinstance(value, tuple) and not isinstance(theirs, tuple):
            theirs = (theirs,) * len(value)
        if name == "scale_factor":
            theirs = tuple(int(one) for one in theirs)
        yield name, value, theirs


def onnx_pairs(node: Node, module: Any, file: File, rank: int) -> list[tuple[str, Any, Any]]:
    """The module's attributes beside those of the nodes that say the op in ONNX."""
    op, path = node.op, node.path
    if isinstance(op, (ops.Conv, ops.ConvTranspose)):
        return conv_pairs(op, module, file, path, rank)
    if isinstance(op, (ops.MaxPool, ops.AvgPool)):
        kind = "MaxPool" if isinstance(op, ops.MaxPool) else "AveragePool"
        found = file.attributes(file.node(path, kind))
        pairs = [("kernel_size", tupled(module.kernel_size, rank), found["kernel_shape"])]
        pairs.append(("stride", tupled(module.stride, rank), found["strides"]))
        if isinstance(op, ops.MaxPool):
            pairs.append(("dilation", tupled(module.dilation, rank), found["dilations"]))
        elif not module.ceil_mode:
            pairs.append(("count_include_pad", int(module.count_include_pad), found["count_include_pad"]))
            pairs.append(("padding", 2 * tupled(module.padding, rank), found["pads"]))
        return pairs
    if isinstance(op, (ops.BatchNorm, ops.LayerNorm, ops.GroupNorm, ops.RMSNorm, ops.LocalResponseNorm)):
        return norm_pairs(op, module, file, path)
    if isinstance(op, (ops.Activation, ops.Softmax)):
        return function_pairs(op, module, file, path)
    return layout_pairs(op, module, file, path, rank)


def tupled(value: Any, rank: int) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,) * rank


def conv_pairs(op: Any, module: Any, file: File, path: str, rank: int) -> list[tuple[str, Any, Any]]:
    kind = "Conv" if isinstance(op, ops.Conv) else "ConvTranspose"
    name = file.node(path, kind)
    found = file.attributes(name)
    pairs = [
        ("kernel_size", module.kernel_size, found["kernel_shape"]),
        ("stride", module.stride, found["strides"]),
        ("dilation", module.dilation, found["dilations"]),
        ("groups", module.groups, found["group"]),
        ("padding at the start", module.padding, found["pads"][:rank]),
        ("weight", f"{path}.weight", file.nodes[name].input[1]),
    ]
    if kind == "Conv":
        pairs.append(("padding at the end", module.padding, found["pads"][rank:]))
        pairs.append(("bias", module.bias is not None, len(file.nodes[name].input) == 3))
        return pairs
    appended = file.number(f"{path}/amounts")[-rank:] if f"{path}/amounts" in file.tensors else (0,) * rank
    more = found.get("output_padding", (0,) * rank)
    less = [end - int(a) - b for end, a, b in zip(found["pads"][rank:], appended, more, strict=True)]
    wanted = [p - o for p, o in zip(module.padding, module.output_padding, strict=True)]
    return [*pairs, ("padding at the end, less output_padding", wanted, less)]


def norm_pairs(op: Any, module: Any, file: File, path: str) -> list[tuple[str, Any, Any]]:
    kinds = {
        ops.BatchNorm: "BatchNormalization",
        ops.LayerNorm: "LayerNormalization",
        ops.GroupNorm: "InstanceNormalization",
    }
    if type(op) in kinds:
        pairs = [("eps", module.eps, file.attributes(file.node(path, kinds[type(op)]))["epsilon"])]
        if isinstance(op, ops.GroupNorm):
            pairs.append(("num_groups", module.num_groups, int(file.number(f"{path}/group/shape")[1])))
        return pairs
    if isinstance(op, ops.RMSNorm):
        return [("eps", module.eps, float(file.number(f"{path}/eps")))]
    names = {"alpha": "alpha", "beta": "beta", "k": "bias", "size": "size"}
    if file.has(path, "LRN"):
        found = file.attributes(path)
        return [(name, getattr(module, name), found[theirs]) for name, theirs in names.items()]
    size = file.attributes(f"{path}/pool")["kernel_shape"][0]
    values = [(name, getattr(module, name), float(file.number(f"{path}/{name}"))) for name in ("alpha", "beta", "k")]
    return [*values, ("size", module.size, size)]


def function_pairs(op: Any, module: Any, file: File, path: str) -> list[tuple[str, Any, Any]]:
    if isinstance(op, ops.Softmax):
        axis = file.attributes(path)["axis"]
        return [("dim", module.dim, axis if module.dim >= 0 else -1)]
    if op.function in ("celu", "elu"):
        return [("alpha", module.alpha, file.attributes(path)["alpha"])]
    if op.function == "leaky_relu":
        return [("negative_slope", module.negative_slope, file.attributes(path)["alpha"])]
    if op.function == "gelu":
        return [("approximate", module.approximate, file.attributes(path)["approximate"])]
    if op.function in ("hardtanh", "relu6"):
        values = [float(file.number(f"{path}/{name}")) for name in ("min", "max")]
        return [("min_val and max_val", [module.min_val, module.max_val], values)]
    if op.function == "softplus" and module.beta != 1.0:
        return [("beta", module.beta, float(file.number(f"{path}/beta")))]
    kinds = {"hardsigmoid": "HardSigmoid", "hardswish": "HardSwish", "relu": "Relu", "selu": "Selu", "mish": "Mish"}
    kind = kinds.get(op.function)
    return [] if kind is None else [("operator", kind, file.nodes[path].op_type)]


def layout_pairs(op: Any, module: Any, file: File, path: str, rank: int) -> list[tuple[str, Any, Any]]:
    if isinstance(op, ops.Upsample):
        factor = module.scale_factor
        scales = tuple(float(one) for one in (factor if isinstance(factor, tuple) else (factor,) * rank))
        mode = file.attributes(path)["mode"]
        return [
            ("scale_factor", scales, file.number(f"{path}/scales")[2:].tolist()),
            ("mode", LINEAR[module.mode], mode),
        ]
    if isinstance(op, ops.Pad):
        kind = type(module).__name__.partition("Pad")[0]
        amounts = file.number(f"{path}/amounts").tolist()
        amounts = [*amounts[2 : 2 + rank], *amounts[-rank:]]
        theirs = (
            [*module.padding[::-2], *module.padding[::-1][::2]]
            if isinstance(module.padding, tuple)
            else [module.padding] * 2 * rank
        )
        theirs = [*module.padding[-2::-2], *module.padding[-1::-2]] if isinstance(module.padding, tuple) else theirs
        value = (
            [("value", float(getattr(module, "value", 0.0)), float(file.number(f"{path}/value")))]
            if PAD_MODES[kind] == "constant"
            else []
        )
        return [("padding", theirs, amounts), ("mode", PAD_MODES[kind], file.attributes(path)["mode"]), *value]
    if isinstance(op, ops.PixelShuffle):
        return [("upscale_factor", module.upscale_factor, file.attributes(path)["blocksize"])]
    if isinstance(op, ops.ChannelShuffle):
        order = file.number(f"{path}/order")
        theirs = nn.functional.channel_shuffle(torch.arange(len(order)).view(1, -1, 1, 1), module.groups).flatten()
        return [("order", theirs.tolist(), order.tolist())]
    if isinstance(op, ops.Permute):
        return [
            (
                "dims",
                tuple(getattr(module, f"dim{at}", d) for at, d in enumerate(file.attributes(path)["perm"])),
                file.attributes(path)["perm"],
            )
        ]
    return []
