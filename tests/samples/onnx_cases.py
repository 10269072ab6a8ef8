"""onnx.backend.test: the node tests that come with the onnx package (https://onnx.ai/onnx/repo-docs/OnnxBackendTest.html)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from onnx import helper

from archc.ir import TensorType, ops
from archc.ir.ops import Op

from .case import Excluded, Sample, by_axis, each, even_part, first, last, whole_factors

Attributes = Mapping[str, Any]
Made = tuple[Op, tuple[TensorType, ...]]
Translate = Callable[[Attributes, list[Any]], Made]


def symmetric(a: Attributes, rank: int) -> tuple[int, ...]:
    """The padding of both ends. Raises Excluded."""
    if a.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
        raise Excluded("padding that depends on the size (auto_pad)")
    pads = a.get("pads") or [0] * 2 * rank
    if pads[:rank] != pads[rank:]:
        raise Excluded("padding that differs between the ends")
    return tuple(pads[:rank])


def conv(a: Attributes, x: list[Any]) -> Made:
    type_, weight = first(x[0].shape), x[1].shape
    rank = type_.rank
    sizes = (tuple(weight[2:]), each(a.get("strides", 1), rank), symmetric(a, rank), each(a.get("dilations", 1), rank))
    return ops.Conv(type_.channels, weight[0], *sizes, a.get("group", 1), len(x) > 2), (type_,)


def conv_transpose(a: Attributes, x: list[Any]) -> Made:
    type_, weight, group = first(x[0].shape), x[1].shape, a.get("group", 1)
    rank = type_.rank
    if "output_shape" in a:
        raise Excluded("padding computed from the output (output_shape)")
    padding, more = symmetric(a, rank), each(a.get("output_padding", 0), rank)
    stride, dilation = each(a.get("strides", 1), rank), each(a.get("dilations", 1), rank)
    sizes = (tuple(weight[2:]), stride, padding, more, dilation)
    return ops.ConvTranspose(type_.channels, weight[1] * group, *sizes, group, len(x) > 2), (type_,)


def pool(kind: str) -> Translate:
    def translate(a: Attributes, x: list[Any]) -> Made:
        type_ = first(x[0].shape)
        rank = type_.rank
        kernel, stride = tuple(a["kernel_shape"]), each(a.get("strides", 1), rank)
        dilation, ceil = each(a.get("dilations", 1), rank), bool(a.get("ceil_mode", 0))
        padding = symmetric(a, rank)
        if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
            raise Excluded("padding above half the window, which torch refuses")
        if kind == "max":
            return ops.MaxPool(kernel, stride, padding, dilation, ceil), (type_,)
        if set(dilation) != {1}:
            raise Excluded("a dilated mean")
        return ops.AvgPool(kernel, stride, padding, ceil, bool(a.get("count_include_pad", 0))), (type_,)

    return translate


def global_pool(kind: type[Op]) -> Translate:
    def translate(a: Attributes, x: list[Any]) -> Made:
        type_ = first(x[0].shape)
        return kind((1,) * type_.rank), (type_,)  # type: ignore[call-arg]

    return translate


def gemm(a: Attributes, x: list[Any]) -> Made:
    if a.get("transA"):
        raise Excluded("a product with the first matrix turned")
    return ops.Linear(x[0].shape[1], x[1].shape[0 if a.get("transB") else 1], len(x) > 2), (first(x[0].shape),)


def matmul(a: Attributes, x: list[Any]) -> Made:
    if x[1].ndim != 2:
        raise Excluded("a product of two batches")
    return ops.Linear(x[1].shape[0], x[1].shape[1], False), (last(x[0].shape),)


def batch_norm(a: Attributes, x: list[Any]) -> Made:
    type_ = first(x[0].shape)
    return ops.BatchNorm(type_.channels, a.get("epsilon", 1e-5)), (type_,)


def group_norm(a: Attributes, x: list[Any]) -> Made:
    type_ = first(x[0].shape)
    return ops.GroupNorm(a.get("num_groups", type_.channels), type_.channels), (type_,)


def last_axis_norm(kind: type[Op]) -> Translate:
    def translate(a: Attributes, x: list[Any]) -> Made:
        if a.get("axis", -1) % max(x[0].ndim, 1) != x[0].ndim - 1:
            raise Excluded("a norm over several axes")
        type_ = last(x[0].shape)
        return kind(type_.channels), (type_,)  # type: ignore[call-arg]

    return translate


def lrn(a: Attributes, x: list[Any]) -> Made:
    return ops.LocalResponseNorm(a["size"]), (first(x[0].shape),)


def resize(a: Attributes, x: list[Any]) -> Made:
    if a.get("mode", b"nearest") == b"cubic":
        raise Excluded("cubic interpolation")
    if a.get("antialias") or a.get("coordinate_transformation_mode") == b"tf_crop_and_resize":
        raise Excluded("antialiasing or cropping")
    type_, axes = first(x[0].shape), list(a.get("axes", range(x[0].ndim)))
    wanted = list(x[0].shape)
    scales = x[2] if len(x) > 2 and x[2] is not None and x[2].size else None
    if scales is None and a.get("keep_aspect_ratio_policy", b"stretch") != b"stretch":
        raise Excluded("sizes that keep an aspect ratio")
    given = scales if scales is not None else x[3]
    for axis, one in zip(axes, given, strict=True):
        exact = float(one) * x[0].shape[axis] if scales is not None else int(one)
        if exact != int(exact):
            raise Excluded("resized by no whole factor")
        wanted[axis] = int(exact)
    if tuple(wanted[:2]) != x[0].shape[:2]:
        raise Excluded("the batch or the channels resized")
    mode = "nearest" if a.get("mode", b"nearest") == b"nearest" else "linear"
    return ops.Upsample(whole_factors(x[0].shape[2:], wanted[2:]), mode), (type_,)


def upsample(a: Attributes, x: list[Any]) -> Made:
    return resize(a, [x[0], None, x[1]])


def softmax(log: bool) -> Translate:
    return lambda a, x: (ops.Softmax(log), (by_axis(x[0].shape, a.get("axis", -1)),))


def concat(a: Attributes, x: list[Any]) -> Made:
    if x[0].ndim < 2:
        raise Excluded("no batch")
    return ops.Concat(), tuple(by_axis(one.shape, a["axis"]) for one in x)


def sliced(a: Attributes, x: list[Any]) -> Made:
    starts, ends = (np.asarray(one).tolist() for one in x[1:3])
    axes = np.asarray(x[3]).tolist() if len(x) > 3 and x[3] is not None else list(range(len(starts)))
    steps = np.asarray(x[4]).tolist() if len(x) > 4 else [1] * len(axes)
    moved = [
        at
        for at, axis in enumerate(axes)
        if range(x[0].shape[axis])[starts[at] : ends[at] : steps[at]] != range(x[0].shape[axis])
    ]
    if len(moved) != 1 or steps[moved[0]] != 1:
        raise Excluded("a slice of several axes or in steps")
    (at,) = moved
    type_ = by_axis(x[0].shape, axes[at])
    part = range(type_.channels or 0)[starts[at] : ends[at]]
    return ops.Chunk(*even_part(part.start, len(part), type_.channels or 0)), (type_,)


def pad(a: Attributes, x: list[Any]) -> Made:
    type_ = first(x[0].shape)
    amounts, count = x[1].tolist(), x[0].ndim
    axes = [axis % count for axis in x[3].tolist()] if len(x) > 3 else list(range(count))
    before, after = (
        dict(zip(axes, amounts[: len(axes)], strict=True)),
        dict(zip(axes, amounts[len(axes) :], strict=True)),
    )
    if any(before.get(axis, 0) or after.get(axis, 0) for axis in (0, 1)):
        raise Excluded("the batch or the channels padded")
    mode = {b"constant": "constant", b"reflect": "reflect", b"edge": "replicate"}.get(a.get("mode", b"constant"))
    if mode is None:
        raise Excluded("padding that wraps around")
    sizes = [tuple(one.get(axis, 0) for axis in range(2, count)) for one in (before, after)]
    return ops.Pad(sizes[0], sizes[1], mode), (type_,)  # type: ignore[arg-type]


def flatten(a: Attributes, x: list[Any]) -> Made:
    if a.get("axis", 1) % max(x[0].ndim, 1) != 1:
        raise Excluded("another axis than the channels'")
    return ops.Flatten(), (first(x[0].shape),)


def transpose(a: Attributes, x: list[Any]) -> Made:
    count = x[0].ndim
    perm = a.get("perm") or list(range(count))[::-1]
    if perm == [0, *range(2, count), 1]:
        return ops.Permute("channels_last"), (first(x[0].shape),)
    if perm == [0, count - 1, *range(1, count - 1)]:
        return ops.Permute("channels_first"), (last(x[0].shape),)
    raise Excluded("another order of axes")


def depth_to_space(a: Attributes, x: list[Any]) -> Made:
    return ops.PixelShuffle(a["blocksize"]), (first(x[0].shape),)


def merged(kind: type[Op]) -> Translate:
    def translate(a: Attributes, x: list[Any]) -> Made:
        if len(x) < 2:
            raise Excluded("a merge of one value")
        shapes = {one.shape for one in x}
        if len(shapes) > 1 and (kind is ops.Add or len({one.ndim for one in x}) > 1):
            raise Excluded("a merge that broadcasts")
        return kind(), tuple(first(one.shape) for one in x)

    return translate


def function(name: str) -> Translate:
    return lambda a, x: (ops.Activation(name), (first(x[0].shape),))


def prelu(a: Attributes, x: list[Any]) -> Made:
    type_ = first(x[0].shape)
    if x[1].size not in (1, type_.channels) or (x[1].size > 1 and x[1].shape[0] != type_.channels):
        raise Excluded("a slope for each element")
    return ops.PReLU(x[1].size), (type_,)


def dropout(a: Attributes, x: list[Any]) -> Made:
    return ops.Dropout(a.get("ratio", 0.5)), (first(x[0].shape),)


FUNCTIONS = {
    "Relu": "relu",
    "Gelu": "gelu",
    "LeakyRelu": "leaky_relu",
    "Elu": "elu",
    "Celu": "celu",
    "Selu": "selu",
    "HardSigmoid": "hardsigmoid",
    "HardSwish": "hardswish",
    "Mish": "mish",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Tanh": "tanh",
    "Sigmoid": "sigmoid",
    "Swish": "silu",
    "Clip": "hardtanh",
}
TRANSLATE: Mapping[str, Translate] = {
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "MaxPool": pool("max"),
    "AveragePool": pool("mean"),
    "GlobalAveragePool": global_pool(ops.AdaptiveAvgPool),
    "GlobalMaxPool": global_pool(ops.AdaptiveMaxPool),
    "Gemm": gemm,
    "MatMul": matmul,
    "BatchNormalization": batch_norm,
    "InstanceNormalization": group_norm,
    "GroupNormalization": group_norm,
    "LayerNormalization": last_axis_norm(ops.LayerNorm),
    "RMSNormalization": last_axis_norm(ops.RMSNorm),
    "LRN": lrn,
    "Resize": resize,
    "Upsample": upsample,
    "Softmax": softmax(False),
    "LogSoftmax": softmax(True),
    "Concat": concat,
    "Slice": sliced,
    "Pad": pad,
    "Flatten": flatten,
    "Transpose": transpose,
    "DepthToSpace": depth_to_space,
    "Add": merged(ops.Add),
    "Sum": merged(ops.Add),
    "Mul": merged(ops.Multiply),
    "PRelu": prelu,
    "Dropout": dropout,
    **{operator: function(name) for operator, name in FUNCTIONS.items()},
}
"""How a node is said by an op of ours."""


def cases() -> Iterator[tuple[str, str, Sample | Excluded]]:
    """(operator, name, sample or why there is none) of each test of one node whose operator is known here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # onnx makes its own tests overflow on purpose
        from onnx.backend.test.loader import load_model_tests

        found = load_model_tests(kind="node")
    for test in found:
        if test.model is None or len(test.model.graph.node) != 1:
            continue
        (node,) = test.model.graph.node
        if node.op_type not in (*TRANSLATE, "Split") or node.domain:
            continue
        yield from one_case(test, node)


def one_case(test: Any, node: Any) -> Iterator[tuple[str, str, Sample | Excluded]]:
    attributes = {one.name: helper.get_attribute_value(one) for one in node.attribute}
    given, results = test.data_sets[0]
    given, results = ([np.asarray(one) if one is not None else None for one in row] for row in (given, results))
    names = iter(given)
    inputs = [next(names, None) if name else None for name in node.input]
    try:
        if node.op_type == "Split":
            made = parts(attributes, inputs, results)
        else:
            made = [(TRANSLATE[node.op_type](attributes, inputs), results[0].shape[1:])]
    except Excluded as reason:
        yield node.op_type, test.name, reason
        return
    for (op, types), shape in made:
        yield node.op_type, test.name, Sample("onnx", node.op_type, test.name, op, types, tuple(shape))


def parts(a: Attributes, x: list[Any], results: list[Any]) -> list[tuple[Any, tuple[int, ...]]]:
    """A split as chunks."""
    axis = a.get("axis", 0)
    type_ = by_axis(x[0].shape, axis)
    sizes = [one.shape[axis] for one in results]
    if len(set(sizes)) > 1 or sum(sizes) != type_.channels:
        raise Excluded("parts that are no equal chunks")
    return [((ops.Chunk(len(sizes), at), (type_,)), one.shape[1:]) for at, one in enumerate(results)]
