"""The closed set of ops: each with its constraints, its shape rule, its tensors and its cost."""

from archc.ir.ops.activation import FUNCTIONS, Activation, PReLU, Softmax
from archc.ir.ops.base import Init, Op, Sizes, TensorSpec, Violation
from archc.ir.ops.conv import Conv, ConvTranspose, Linear, axis_name
from archc.ir.ops.layout import ChannelShuffle, Chunk, Flatten, Pad, Permute, PixelShuffle, Upsample
from archc.ir.ops.merge import Add, Concat, Multiply
from archc.ir.ops.norm import BatchNorm, GroupNorm, LayerNorm, LocalResponseNorm, Normalize, RMSNorm
from archc.ir.ops.pool import AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, MaxPool
from archc.ir.ops.regularise import Dropout, Scale, StochasticDepth
from archc.ir.ops.sizes import window

__all__ = [
    "FUNCTIONS",
    "Activation",
    "AdaptiveAvgPool",
    "AdaptiveMaxPool",
    "Add",
    "AvgPool",
    "BatchNorm",
    "ChannelShuffle",
    "Chunk",
    "Concat",
    "Conv",
    "ConvTranspose",
    "Dropout",
    "Flatten",
    "GroupNorm",
    "Init",
    "LayerNorm",
    "Linear",
    "LocalResponseNorm",
    "MaxPool",
    "Multiply",
    "Normalize",
    "Op",
    "PReLU",
    "Pad",
    "Permute",
    "PixelShuffle",
    "RMSNorm",
    "Scale",
    "Sizes",
    "Softmax",
    "StochasticDepth",
    "TensorSpec",
    "Upsample",
    "Violation",
    "axis_name",
    "window",
]
