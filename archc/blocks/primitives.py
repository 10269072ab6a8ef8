"""The primitives: for each op the fields that the language gives it, by PyTorch's names, and how it is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from archc.ir import ops
from archc.ir.types import TensorType
from archc.spec.params import REQUIRED, Fault, Kind, Param

Fields = Mapping[str, Any]
Build = Callable[[Fields, TensorType], ops.Op]


class FieldFault(Fault):
    """A field whose value does not fit the input's rank."""

    def __init__(self, field: str, code: str, message: str, label: str, help: str) -> None:
        super().__init__(code, message, label, help)
        self.field = field


@dataclass(frozen=True, slots=True)
class Primitive:
    """A type with one op: its fields, and the op that they and the first input's type make."""

    name: str
    doc: str
    params: tuple[Param, ...]
    build: Build
    merges: bool = False
    """Whether it takes two inputs or more."""


def sizes(fields: Fields, name: str, x: TensorType) -> tuple[int, ...]:
    """A field of kind `sizes`, one for each spatial axis; that a list has as many has been checked."""
    value = fields[name]
    return tuple(value[: x.rank]) if isinstance(value, tuple) else (value,) * x.rank


def _field(name: str, kind: Kind, default: Any = REQUIRED, doc: str = "", **bounds: Any) -> Param:
    return Param(name, kind, default, doc=doc, **bounds)


KERNEL = _field("kernel_size", "sizes", doc="rows and columns of the window", min=1)
STRIDE = _field("stride", "sizes", 1, "step of the window", min=1)
PADDING = _field("padding", "sizes", 0, "zeros added on both sides", min=0)
DILATION = _field("dilation", "sizes", 1, "step between the kernel's elements", min=1)
GROUPS = _field("groups", "int", 1, "groups of channels that do not see each other", min=1)
BIAS = _field("bias", "bool", True, "whether to learn a shift")
OUT_CHANNELS = _field("out_channels", "int", doc="channels of the output", min=1)
POOL_STRIDE = _field("stride", "sizes", "$kernel_size", "step of the window; the window's size by default", min=1)
CEIL = _field("ceil_mode", "bool", False, "round the output's size up")
EPS = _field("eps", "float", 1e-5, "added to the variance", above=0.0)
AFFINE = _field("affine", "bool", True, "whether to learn a scale and a shift")


def _conv(f: Fields, x: TensorType) -> ops.Op:
    return ops.Conv(
        x.channels,
        f["out_channels"],
        sizes(f, "kernel_size", x),
        sizes(f, "stride", x),
        sizes(f, "padding", x),
        sizes(f, "dilation", x),
        f["groups"],
        f["bias"],
    )


def _conv_transpose(f: Fields, x: TensorType) -> ops.Op:
    return ops.ConvTranspose(
        x.channels,
        f["out_channels"],
        sizes(f, "kernel_size", x),
        sizes(f, "stride", x),
        sizes(f, "padding", x),
        sizes(f, "output_padding", x),
        sizes(f, "dilation", x),
        f["groups"],
        f["bias"],
    )


def _max_pool(f: Fields, x: TensorType) -> ops.Op:
    return ops.MaxPool(
        sizes(f, "kernel_size", x),
        sizes(f, "stride", x),
        sizes(f, "padding", x),
        sizes(f, "dilation", x),
        f["ceil_mode"],
    )


def _avg_pool(f: Fields, x: TensorType) -> ops.Op:
    return ops.AvgPool(
        sizes(f, "kernel_size", x),
        sizes(f, "stride", x),
        sizes(f, "padding", x),
        f["ceil_mode"],
        f["count_include_pad"],
    )


def _layer_norm(f: Fields, x: TensorType) -> ops.Op:
    return ops.LayerNorm(x.channels, f["eps"], f["elementwise_affine"], f["elementwise_affine"] and f["bias"])


def _pad(f: Fields, x: TensorType) -> ops.Op:
    padding = f["padding"] if isinstance(f["padding"], tuple) else (f["padding"],) * 2 * x.rank
    if x.rank and len(padding) != 2 * x.rank:
        raise FieldFault(
            "padding",
            "A0104",
            f"`padding` needs {2 * x.rank} sizes, before and after each axis, the last axis first",
            f"{len(padding)} are given, the input is {x}",
            f"write {2 * x.rank} ints",
        )
    return ops.Pad(tuple(reversed(padding[0::2])), tuple(reversed(padding[1::2])), f["mode"], f["value"])


def _activation(name: str) -> Build:
    def build(f: Fields, x: TensorType) -> ops.Op:
        return ops.Activation(name, dict(f))

    return build


_CONSTANT_DOCS: Final = {
    "alpha": "how far it goes below zero",
    "approximate": "exact, or by tanh",
    "beta": "how sharp it is",
    "max_val": "the upper bound",
    "min_val": "the lower bound",
    "negative_slope": "the slope below zero",
}


def _activation_params(name: str) -> tuple[Param, ...]:
    found = []
    for key, value in ops.FUNCTIONS[name].items():
        doc = _CONSTANT_DOCS[key]
        if isinstance(value, str):
            found.append(_field(key, "string", value, doc, choices=("none", "tanh")))
        else:
            found.append(_field(key, "float", value, doc, above=0.0 if key in ("alpha", "beta") else None))
    return tuple(found)


_ACTIVATION_DOCS: Final = {
    "celu": "continuously differentiable ELU",
    "elu": "exponential linear unit",
    "gelu": "Gaussian error linear unit",
    "hardsigmoid": "a sigmoid of three lines",
    "hardswish": "x times hardsigmoid",
    "hardtanh": "x within two bounds",
    "leaky_relu": "a small slope below zero",
    "mish": "x tanh(softplus(x))",
    "relu": "max(0, x)",
    "relu6": "x within 0 and 6",
    "selu": "self-normalising ELU",
    "sigmoid": "1 / (1 + exp(-x))",
    "silu": "x times sigmoid (swish)",
    "softplus": "log(1 + exp(x))",
    "softsign": "x / (1 + |x|)",
    "tanh": "hyperbolic tangent",
}

_TABLE: Final = (
    Primitive(
        "conv",
        "a convolution over 1 to 3 spatial axes",
        (OUT_CHANNELS, KERNEL, STRIDE, PADDING, DILATION, GROUPS, BIAS),
        _conv,
    ),
    Primitive(
        "conv_transpose",
        "a transposed convolution",
        (
            OUT_CHANNELS,
            KERNEL,
            STRIDE,
            PADDING,
            _field("output_padding", "sizes", 0, "rows added on one side of the output", min=0),
            DILATION,
            GROUPS,
            BIAS,
        ),
        _conv_transpose,
    ),
    Primitive(
        "linear",
        "an affine map of features, or of the channels of a channels-last map",
        (_field("out_features", "int", doc="features of the output", min=1), BIAS),
        lambda f, x: ops.Linear(x.channels, f["out_features"], f["bias"]),
    ),
    Primitive(
        "batch_norm",
        "batch normalisation",
        (
            EPS,
            _field("momentum", "float", 0.1, "weight of the newest batch in the running statistics", min=0.0, max=1.0),
            AFFINE,
        ),
        lambda f, x: ops.BatchNorm(x.channels, f["eps"], f["momentum"], f["affine"]),
    ),
    Primitive(
        "layer_norm",
        "layer normalisation over the channels",
        (EPS, _field("elementwise_affine", "bool", True, "whether to learn a scale"), BIAS),
        _layer_norm,
    ),
    Primitive(
        "rms_norm",
        "root-mean-square normalisation over the channels",
        (
            _field("eps", "float", 1e-6, "added to the mean square", above=0.0),
            _field("elementwise_affine", "bool", True, "whether to learn a scale"),
        ),
        lambda f, x: ops.RMSNorm(x.channels, f["eps"], f["elementwise_affine"]),
    ),
    Primitive(
        "group_norm",
        "normalisation over groups of channels",
        (_field("num_groups", "int", doc="a divisor of the channels", min=1), EPS, AFFINE),
        lambda f, x: ops.GroupNorm(f["num_groups"], x.channels, f["eps"], f["affine"]),
    ),
    Primitive(
        "local_response_norm",
        "normalisation across neighbouring channels",
        (
            _field("size", "int", doc="channels in the window", min=1),
            _field("alpha", "float", 1e-4, "factor of the mean square"),
            _field("beta", "float", 0.75, "exponent"),
            _field("k", "float", 1.0, "added to the mean square"),
        ),
        lambda f, x: ops.LocalResponseNorm(f["size"], f["alpha"], f["beta"], f["k"]),
    ),
    Primitive(
        "normalize",
        "constants taken away from the channels, and divided by",
        (
            _field("mean", "floats", doc="what is taken away: a number for each channel, or one in a list"),
            _field("std", "floats", doc="what is divided by", above=0.0),
        ),
        lambda f, x: ops.Normalize(f["mean"], f["std"]),
    ),
    Primitive("max_pool", "the largest of each window", (KERNEL, POOL_STRIDE, PADDING, DILATION, CEIL), _max_pool),
    Primitive(
        "avg_pool",
        "the mean of each window",
        (
            KERNEL,
            POOL_STRIDE,
            PADDING,
            CEIL,
            _field("count_include_pad", "bool", True, "count the padding in the mean"),
        ),
        _avg_pool,
    ),
    Primitive(
        "adaptive_avg_pool",
        "means over equal shares of the map",
        (_field("output_size", "sizes", doc="rows and columns of the output", min=1),),
        lambda f, x: ops.AdaptiveAvgPool(sizes(f, "output_size", x)),
    ),
    Primitive(
        "adaptive_max_pool",
        "the largest of equal shares of the map",
        (_field("output_size", "sizes", doc="rows and columns of the output", min=1),),
        lambda f, x: ops.AdaptiveMaxPool(sizes(f, "output_size", x)),
    ),
    Primitive(
        "global_avg_pool",
        "the mean over all positions, as a map of size 1",
        (),
        lambda f, x: ops.AdaptiveAvgPool((1,) * x.rank),
    ),
    Primitive(
        "global_max_pool",
        "the largest over all positions, as a map of size 1",
        (),
        lambda f, x: ops.AdaptiveMaxPool((1,) * x.rank),
    ),
    *(Primitive(name, doc, _activation_params(name), _activation(name)) for name, doc in _ACTIVATION_DOCS.items()),
    Primitive(
        "prelu",
        "ReLU with a learned slope below zero",
        (
            _field("per_channel", "bool", False, "a slope for each channel, in place of one"),
            _field("init_value", "float", 0.25, "what it begins with"),
        ),
        lambda f, x: ops.PReLU(x.channels if f["per_channel"] else 1, f["init_value"]),
    ),
    Primitive("softmax", "soft-max over the channels", (), lambda f, x: ops.Softmax()),
    Primitive("log_softmax", "logarithm of the soft-max over the channels", (), lambda f, x: ops.Softmax(log=True)),
    Primitive("add", "the sum of values of one shape", (), lambda f, x: ops.Add(), merges=True),
    Primitive(
        "multiply",
        "the product of values of one shape; axes of size 1 stretch",
        (),
        lambda f, x: ops.Multiply(),
        merges=True,
    ),
    Primitive("concat", "values joined on their channels", (), lambda f, x: ops.Concat(), merges=True),
    Primitive(
        "chunk",
        "one of several equal parts of the channels",
        (_field("chunks", "int", doc="how many parts", min=1), _field("index", "int", doc="which, from 0", min=0)),
        lambda f, x: ops.Chunk(f["chunks"], f["index"]),
    ),
    Primitive(
        "pad",
        "rows added around the map",
        (
            _field("padding", "paddings", doc="one int, or before and after each axis, the last axis first"),
            _field("mode", "string", "constant", "what the rows hold", choices=("constant", "reflect", "replicate")),
            _field("value", "float", 0.0, "what constant rows hold"),
        ),
        _pad,
    ),
    Primitive(
        "upsample",
        "the map enlarged by whole factors",
        (
            _field("scale_factor", "sizes", doc="the factor", min=1),
            _field("mode", "string", "nearest", "what stands between the elements", choices=("nearest", "linear")),
        ),
        lambda f, x: ops.Upsample(sizes(f, "scale_factor", x), f["mode"]),
    ),
    Primitive("flatten", "a map to features", (), lambda f, x: ops.Flatten()),
    Primitive(
        "channels_last", "the channels moved behind the spatial axes", (), lambda f, x: ops.Permute("channels_last")
    ),
    Primitive(
        "channels_first", "the channels moved before the spatial axes", (), lambda f, x: ops.Permute("channels_first")
    ),
    Primitive(
        "channel_shuffle",
        "the channels of several groups interleaved",
        (_field("groups", "int", doc="a divisor of the channels", min=1),),
        lambda f, x: ops.ChannelShuffle(f["groups"]),
    ),
    Primitive(
        "pixel_shuffle",
        "channels moved into height and width",
        (_field("upscale_factor", "int", doc="the factor", min=1),),
        lambda f, x: ops.PixelShuffle(f["upscale_factor"]),
    ),
    Primitive(
        "dropout",
        "elements zeroed at random in training",
        (
            _field("p", "float", 0.5, "the probability", min=0.0, max=1.0),
            _field("channelwise", "bool", False, "zero whole channels"),
        ),
        lambda f, x: ops.Dropout(f["p"], f["channelwise"]),
    ),
    Primitive(
        "stochastic_depth",
        "a branch dropped at random in training",
        (
            _field("p", "float", doc="the probability", min=0.0, max=1.0),
            _field(
                "mode", "string", "row", "dropped for each example, or for the whole batch", choices=("row", "batch")
            ),
        ),
        lambda f, x: ops.StochasticDepth(f["p"], f["mode"]),
    ),
    Primitive(
        "scale",
        "a learned factor for each channel",
        (_field("init_value", "float", 1.0, "what it begins with"),),
        lambda f, x: ops.Scale(x.channels, x.rank if x.layout == "channels_first" else 0, f["init_value"]),
    ),
)

PRIMITIVES: Final[Mapping[str, Primitive]] = {primitive.name: primitive for primitive in _TABLE}
"""Every primitive by its name."""
