"""Emitters of normalisations."""

from __future__ import annotations

from typing import Final

import numpy as np

from archc.backends.onnx.site import Site, emits
from archc.ir.ops import BatchNorm, GroupNorm, LayerNorm, LocalResponseNorm, Normalize, RMSNorm

LAYER_NORM: Final = 17
"""The opset that LayerNormalization came with."""


@emits(BatchNorm)
def batch_norm(site: Site, op: BatchNorm) -> None:
    """https://onnx.ai/onnx/operators/onnx__BatchNormalization.html, in inference."""
    channels = site.type.shape[0]
    scale = site.tensors["weight"] if op.affine else site.constant("ones", np.ones(channels, np.float32))
    shift = site.tensors["bias"] if op.affine else site.constant("zeros", np.zeros(channels, np.float32))
    mean, var = site.tensors["running_mean"], site.tensors["running_var"]
    site.final("BatchNormalization", site.x, scale, shift, mean, var, epsilon=op.eps)


@emits(LayerNorm)
def layer_norm(site: Site, op: LayerNorm) -> None:
    """LayerNormalization acts on trailing axes, so that channels that stand first are moved behind and back."""
    if site.opset < LAYER_NORM:
        layer_norm_in_parts(site, op)
        return
    rank = site.type.rank
    parameters = list(site.tensors.values())
    if not parameters:  # ONNX requires the scale
        parameters = [site.constant("ones", np.ones(op.num_features or 0, np.float32))]
    if rank == 0 or site.type.layout == "channels_last":
        site.final("LayerNormalization", site.x, *parameters, axis=-1, epsilon=op.eps)
        return
    last = site.step("channels_last", "Transpose", site.x, perm=(0, *range(2, 2 + rank), 1))
    normal = site.step("normalize", "LayerNormalization", last, *parameters, axis=-1, epsilon=op.eps)
    site.final("Transpose", normal, perm=(0, 1 + rank, *range(1, 1 + rank)))


def layer_norm_in_parts(site: Site, op: LayerNorm) -> None:
    """(x - mean(x)) / sqrt(mean((x - mean(x))²) + eps), before LayerNormalization came."""
    axis = site.type.channel_axis
    centred = site.step("centre", "Sub", site.x, site.reduce("mean", "ReduceMean", site.x, axis))
    variance = site.reduce("variance", "ReduceMean", site.step("square", "Mul", centred, centred), axis)
    root = site.step("root", "Sqrt", site.step("add", "Add", variance, site.number("eps", op.eps)))
    if not op.elementwise_affine:
        site.final("Div", centred, root)
        return
    normal, weight = site.step("normalize", "Div", centred, root), site.per_channel("weight")
    if op.bias:
        site.final("Add", site.step("scale", "Mul", normal, weight), site.per_channel("bias"))
    else:
        site.final("Mul", normal, weight)


@emits(RMSNorm)
def rms_norm(site: Site, op: RMSNorm) -> None:
    """x / sqrt(mean(x²) + eps), in parts: RMSNormalization came with opset 23 and acts on trailing axes only."""
    square = site.step("square", "Mul", site.x, site.x)
    mean = site.reduce("mean", "ReduceMean", square, site.type.channel_axis)
    root = site.step("root", "Sqrt", site.step("add", "Add", mean, site.number("eps", op.eps)))
    if op.elementwise_affine:
        site.final("Mul", site.step("divide", "Div", site.x, root), site.per_channel("weight"))
    else:
        site.final("Div", site.x, root)


@emits(GroupNorm)
def group_norm(site: Site, op: GroupNorm) -> None:
    """InstanceNormalization of the groups, for GroupNormalization changed its meaning in opset 21."""
    groups = site.step("group", "Reshape", site.x, site.integers("group/shape", 0, op.num_groups, -1))
    ones = site.constant("ones", np.ones(op.num_groups, np.float32))
    zeros = site.constant("zeros", np.zeros(op.num_groups, np.float32))
    normal = site.step("normalize", "InstanceNormalization", groups, ones, zeros, epsilon=op.eps)
    if op.affine:
        whole = site.step("ungroup", "Reshape", normal, site.input_shape())
        scaled = site.step("scale", "Mul", whole, site.per_channel("weight"))
        site.final("Add", scaled, site.per_channel("bias"))
    else:
        site.final("Reshape", normal, site.input_shape())


@emits(LocalResponseNorm)
def local_response_norm(site: Site, op: LocalResponseNorm) -> None:
    """LRN, where it agrees: an even window leans to earlier channels in torch and to later ones in ONNX.

    Elsewhere in parts: the mean of squares over a window of channels is an average pool of (N, 1, C, elements).
    """
    if op.size % 2 and site.type.rank == 2:
        site.final("LRN", site.x, size=op.size, alpha=op.alpha, beta=op.beta, bias=op.k)
        return
    square = site.step("square", "Mul", site.x, site.x)
    flat = site.step("flat", "Reshape", square, site.integers("flat/shape", 0, 1, site.type.shape[0], -1))
    pooled = site.step(
        "pool",
        "AveragePool",
        flat,
        kernel_shape=(op.size, 1),
        strides=(1, 1),
        pads=(op.size // 2, 0, (op.size - 1) // 2, 0),
        count_include_pad=1,
    )
    mean = site.step("mean", "Reshape", pooled, site.input_shape())
    scaled = site.step("scale", "Mul", mean, site.number("alpha", op.alpha))
    base = site.step("add", "Add", scaled, site.number("k", op.k))
    site.final("Div", site.x, site.step("power", "Pow", base, site.number("beta", op.beta)))


@emits(Normalize)
def normalize(site: Site, op: Normalize) -> None:
    """(x - mean) / std, the constants shaped to broadcast over the input."""
    shape = (-1, *(1,) * site.type.rank)
    mean, std = (np.array(values, np.float32).reshape(shape) for values in (op.mean, op.std))
    centred = site.step("centre", "Sub", site.x, site.constant("mean", mean))
    site.final("Div", centred, site.constant("std", std))
