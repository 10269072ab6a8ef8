"""The samples with which PyTorch tests its own operators (torch.testing._internal.common_methods_invocations.op_db)."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

from archc.ir import TensorType, ops
from archc.ir.ops import Op

from .case import Excluded, Sample, by_axis, each, even_part, first, last, whole_factors

Made = tuple[Op, tuple[TensorType, ...]]
Values = Mapping[str, Any]


def batched(x: Any, rank: int) -> TensorType:
    """The type of a batch of maps. Raises Excluded for one example alone."""
    if x.dim() != rank + 2:
        raise Excluded("no batch")
    return first(x.shape)


def conv(rank: int) -> Callable[[Values], Made]:
    def translate(v: Values) -> Made:
        type_, weight = batched(v["input"], rank), v["weight"].shape
        if isinstance(v["padding"], str):
            raise Excluded("padding by a word")
        sizes = (tuple(weight[2:]), *(each(v[name], rank) for name in ("stride", "padding", "dilation")))
        return ops.Conv(type_.channels, weight[0], *sizes, v["groups"], v["bias"] is not None), (type_,)

    return translate


def conv_transpose(rank: int) -> Callable[[Values], Made]:
    def translate(v: Values) -> Made:
        type_, weight = batched(v["input"], rank), v["weight"].shape
        names = ("stride", "padding", "output_padding", "dilation")
        sizes = (tuple(weight[2:]), *(each(v[name], rank) for name in names))
        out = weight[1] * v["groups"]
        return ops.ConvTranspose(type_.channels, out, *sizes, v["groups"], v["bias"] is not None), (type_,)

    return translate


def pool(rank: int, kind: str) -> Callable[[Values], Made]:
    def translate(v: Values) -> Made:
        type_, kernel = batched(v["input"], rank), each(v["kernel_size"], rank)
        stride = each(v["stride"], rank) if v["stride"] not in (None, ()) else kernel
        padding = each(v["padding"], rank)
        if kind == "max":
            return ops.MaxPool(kernel, stride, padding, each(v["dilation"], rank), v["ceil_mode"]), (type_,)
        if v.get("divisor_override"):
            raise Excluded("a divisor of its own")
        return ops.AvgPool(kernel, stride, padding, v["ceil_mode"], v["count_include_pad"]), (type_,)

    return translate


def adaptive(rank: int, kind: type[Op]) -> Callable[[Values], Made]:
    def translate(v: Values) -> Made:
        type_, sizes = batched(v["input"], rank), v["output_size"]
        wanted = tuple(sizes) if isinstance(sizes, (list, tuple)) else (sizes,) * rank
        if None in wanted:
            raise Excluded("a size that stays as it is (None)")
        return kind(each(wanted, rank)), (type_,)  # type: ignore[call-arg]

    return translate


def norm(make: Callable[[Values, TensorType], Op]) -> Callable[[Values], Made]:
    def translate(v: Values) -> Made:
        type_ = first(v["input"].shape)
        return make(v, type_), (type_,)

    return translate


def last_norm(kind: type[Op]) -> Callable[[Values], Made]:
    def translate(v: Values) -> Made:
        if len(v["normalized_shape"]) != 1:
            raise Excluded("a norm over several axes")
        type_ = last(v["input"].shape)
        return kind(type_.channels), (type_,)  # type: ignore[call-arg]

    return translate


def interpolate(v: Values) -> Made:
    type_ = first(v["input"].shape)
    if v.get("align_corners") or v.get("antialias"):
        raise Excluded("aligned corners or antialiasing")
    mode = v.get("mode", "nearest")
    if mode not in ("nearest", "linear", "bilinear", "trilinear"):
        raise Excluded(f"{mode} interpolation")
    before = type_.spatial
    if v["size"] is not None:
        after = each(v["size"], type_.rank)
    else:
        scales = v["scale_factor"]
        rows = [float(one) for one in (scales if isinstance(scales, (list, tuple)) else [scales] * type_.rank)]
        if any(one != int(one) for one in rows):
            raise Excluded("resized by no whole factor")
        after = tuple(int(size or 0) * int(one) for size, one in zip(before, rows, strict=True))
    factors = whole_factors([size or 0 for size in before], after)
    return ops.Upsample(factors, "nearest" if mode == "nearest" else "linear"), (type_,)


def softmax(log: bool) -> Callable[[Values], Made]:
    return lambda v: (ops.Softmax(log), (by_axis(v["input"].shape, v["dim"]),))


def cat(v: Values) -> Made:
    tensors = v["tensors"]
    if len(tensors) < 2:
        raise Excluded("a merge of one value")
    if len({one.dim() for one in tensors}) > 1:
        raise Excluded("an empty tensor")
    return ops.Concat(), tuple(by_axis(one.shape, v["dim"]) for one in tensors)


def pad(v: Values) -> Made:
    rank = len(v["pad"]) // 2
    type_ = first(v["input"].shape)
    if rank > type_.rank:
        raise Excluded("the batch or the channels padded")
    if v["mode"] == "circular":
        raise Excluded("padding that wraps around")
    if v["mode"] != "constant" and min(v["pad"]) < 0:
        raise Excluded("negative padding in reflect or replicate, which archc refuses")
    pairs = [(0, 0)] * (type_.rank - rank) + list(zip(v["pad"][::2], v["pad"][1::2], strict=True))[::-1]
    return ops.Pad(tuple(a for a, _ in pairs), tuple(b for _, b in pairs), v["mode"]), (type_,)


def linear(v: Values) -> Made:
    weight = v["weight"].shape
    if len(weight) != 2:
        raise Excluded("a weight that is no matrix")
    return ops.Linear(weight[1], weight[0], v["bias"] is not None), (last(v["input"].shape),)


def prelu(v: Values) -> Made:
    return ops.PReLU(v["weight"].numel()), (first(v["input"].shape),)


def merged(kind: type[Op]) -> Callable[[Values], Made]:
    def translate(v: Values) -> Made:
        other = v["other"]
        if not isinstance(other, torch.Tensor):
            raise Excluded("a number for a tensor")
        if v["input"].shape != other.shape and (kind is ops.Add or v["input"].dim() != other.dim()):
            raise Excluded("a merge that broadcasts")
        if other.dim() and v["input"].shape[:2] != other.shape[:2]:
            raise Excluded("a merge that broadcasts")
        return kind(), (first(v["input"].shape), first(other.shape))

    return translate


def flatten(v: Values) -> Made:
    if v["start_dim"] != 1 or v["end_dim"] % max(v["input"].dim(), 1) != v["input"].dim() - 1:
        raise Excluded("other axes than all but the batch")
    return ops.Flatten(), (first(v["input"].shape),)


def permute(v: Values) -> Made:
    count, order = v["input"].dim(), tuple(v["dims"])
    if count > 2 and order == (0, *range(2, count), 1):
        return ops.Permute("channels_last"), (first(v["input"].shape),)
    if count > 2 and order == (0, count - 1, *range(1, count - 1)):
        return ops.Permute("channels_first"), (last(v["input"].shape),)
    raise Excluded("another order of axes")


def function(name: str) -> Callable[[Values], Made]:
    return lambda v: (ops.Activation(name), (first(v["input"].shape),))


def keep(make: Callable[[Values, TensorType], Op], rank: int) -> Callable[[Values], Made]:
    def translate(v: Values) -> Made:
        type_ = batched(v["input"], rank)
        return make(v, type_), (type_,)

    return translate


W = ["input", "weight", "bias"]
CONV = {"bias": None, "stride": 1, "padding": 0, "dilation": 1, "groups": 1}
TRANSPOSED = {"bias": None, "stride": 1, "padding": 0, "output_padding": 0, "groups": 1, "dilation": 1}
MOST = {"stride": None, "padding": 0, "dilation": 1, "ceil_mode": False, "return_indices": False}
MEAN = {"stride": None, "padding": 0, "ceil_mode": False, "count_include_pad": True, "divisor_override": None}
RESIZE = {"size": None, "scale_factor": None, "mode": "nearest", "align_corners": None}
NORM = {"running_mean": None, "running_var": None, "weight": None, "bias": None}
ACTIVATIONS = ("celu", "elu", "gelu", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "mish", "relu", "relu6", "selu", "silu", "softplus", "softsign")  # fmt: skip

Row = tuple[list[str], Mapping[str, Any], Callable[[Values], Made]]
TABLE: dict[str, Row] = {
    **{f"nn.functional.conv{r}d": (["input", "weight", *CONV], CONV, conv(r)) for r in (1, 2, 3)},
    **{f"nn.functional.conv_transpose{r}d": (["input", "weight", *TRANSPOSED], TRANSPOSED, conv_transpose(r)) for r in (1, 2, 3)},
    **{f"nn.functional.max_pool{r}d": (["input", "kernel_size", *MOST], MOST, pool(r, "max")) for r in (1, 2, 3)},
    **{f"nn.functional.avg_pool{r}d": (["input", "kernel_size", *MEAN], MEAN, pool(r, "mean")) for r in (1, 2, 3)},
    **{f"nn.functional.adaptive_avg_pool{r}d": (["input", "output_size"], {}, adaptive(r, ops.AdaptiveAvgPool)) for r in (1, 2, 3)},
    **{f"nn.functional.adaptive_max_pool{r}d": (["input", "output_size", "return_indices"], {}, adaptive(r, ops.AdaptiveMaxPool)) for r in (1, 2, 3)},
    **{f"nn.functional.{name}": (["input"], {}, function(name)) for name in ACTIVATIONS},
    "sigmoid": (["input"], {}, function("sigmoid")),
    "tanh": (["input"], {}, function("tanh")),
    "nn.functional.batch_norm": (["input", *NORM], NORM, norm(lambda v, t: ops.BatchNorm(t.channels))),
    "nn.functional.instance_norm": (["input", *NORM], NORM, norm(lambda v, t: ops.GroupNorm(t.channels or 1, t.channels))),
    "nn.functional.group_norm": (["input", "num_groups"], {}, norm(lambda v, t: ops.GroupNorm(v["num_groups"], t.channels))),
    "nn.functional.local_response_norm": (["input", "size"], {}, norm(lambda v, t: ops.LocalResponseNorm(v["size"]))),
    "nn.functional.layer_norm": (["input", "normalized_shape"], {}, last_norm(ops.LayerNorm)),
    "nn.functional.rms_norm": (["input", "normalized_shape"], {}, last_norm(ops.RMSNorm)),
    "nn.functional.interpolate": (["input", *RESIZE], RESIZE, interpolate),
    "nn.functional.upsample_nearest": (["input", "size", "scale_factor"], {**RESIZE, "mode": "nearest"}, interpolate),
    "nn.functional.pad": (["input", "pad", "mode", "value"], {"mode": "constant", "value": None}, pad),
    "nn.functional.linear": (W, {"bias": None}, linear),
    "nn.functional.prelu": (W, {}, prelu),
    "nn.functional.pixel_shuffle": (["input", "upscale_factor"], {}, keep(lambda v, t: ops.PixelShuffle(v["upscale_factor"]), 2)),
    "nn.functional.channel_shuffle": (["input", "groups"], {}, keep(lambda v, t: ops.ChannelShuffle(v["groups"]), 2)),
    "nn.functional.dropout": (["input", "p"], {"p": 0.5}, norm(lambda v, t: ops.Dropout(v["p"]))),
    "nn.functional.dropout2d": (["input", "p"], {"p": 0.5}, keep(lambda v, t: ops.Dropout(v["p"], True), 2)),
    "nn.functional.dropout3d": (["input", "p"], {"p": 0.5}, keep(lambda v, t: ops.Dropout(v["p"], True), 3)),
    "softmax": (["input", "dim", "dtype"], {}, softmax(False)),
    "log_softmax": (["input", "dim", "dtype"], {}, softmax(True)),
    "cat": (["tensors", "dim"], {"dim": 0}, cat),
    "add": (["input", "other"], {}, merged(ops.Add)),
    "mul": (["input", "other"], {}, merged(ops.Multiply)),
    "flatten": (["input", "start_dim", "end_dim"], {"start_dim": 0, "end_dim": -1}, flatten),
    "permute": (["input", "dims"], {}, permute),
    "chunk": (["input", "chunks", "dim"], {"dim": 0}, permute),
    "split": (["input", "size", "dim"], {"dim": 0}, permute),
}  # fmt: skip
"""Operator -> the names of its arguments in order, their defaults, and how a sample is said by an op of ours."""


def cases() -> Iterator[tuple[str, str, Sample | Excluded]]:
    """(operator, name, sample or why there is none) of each sample of the operators in TABLE."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of what it makes itself
        from torch.testing._internal.common_methods_invocations import op_db

        for info in op_db:
            if info.name not in TABLE or info.variant_test_name == "list_args":
                continue
            samples = info.sample_inputs("cpu", torch.float32, requires_grad=False)
            for at, sample in enumerate(samples):
                name = f"{info.formatted_name}[{at}]"
                for found in one_case(info, sample, name):
                    yield info.name, name, found


RANK = re.compile(r"(\d)d$")
"""The rank that an operator's name ends with."""


def one_case(info: Any, sample: Any, name: str) -> Iterator[Sample | Excluded]:
    words, defaults, translate = TABLE[info.name]
    values = {**defaults, **dict(zip(words, (sample.input, *sample.args), strict=False)), **sample.kwargs}
    try:
        with torch.no_grad():
            result = info.op(sample.input, *sample.args, **sample.kwargs)
        rank = RANK.search(info.name)
        if rank and "dropout" not in info.name and values["input"].dim() == int(rank[1]) + 1:  # one example alone
            values["input"] = values["input"][None]
            result = tuple(one[None] for one in result) if isinstance(result, tuple) else result[None]
        if info.name in ("chunk", "split"):
            yield from parts(info.name, name, values, result)
            return
        result = result[0] if isinstance(result, tuple) else result
        op, types = translate(values)
        yield Sample("torch", info.name, name, op, types, tuple(result.shape[1:]))
    except Excluded as reason:
        yield reason


def parts(operator: str, name: str, v: Values, results: Any) -> Iterator[Sample]:
    """What chunk or split gives, each as a chunk of ours. Raises Excluded where they are not equal."""
    type_ = by_axis(v["input"].shape, v["dim"])
    sizes = [one.shape[v["dim"]] for one in results]
    if len(set(sizes)) > 1:
        raise Excluded("parts that are no equal chunks")
    for at, one in enumerate(results):
        chunks, index = even_part(at * sizes[0], sizes[0], type_.channels or 0)
        yield Sample("torch", operator, name, ops.Chunk(chunks, index), (type_,), tuple(one.shape[1:]))
