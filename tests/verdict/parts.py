"""Random stages: kinds with attributes that make sense on a value of a given form, without a promise that they fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from .modules import ACTIVATIONS

Part = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Form:
    """What arrives at a stage: channels, the sizes of the map (none for features), whether the channels stand last."""

    channels: int
    sizes: tuple[int, ...]
    last: bool
    rank: int
    """Of the network's maps."""


def sizes(rng: Random, rank: int, low: int, high: int) -> Any:
    """One size for all axes, or one for each."""
    return rng.randint(low, high) if rng.random() < 0.65 else tuple(rng.randint(low, high) for _ in range(rank))


def maybe(rng: Random, attrs: dict[str, Any], chance: float, **values: Any) -> None:
    """Give each attribute with a chance."""
    for name, value in values.items():
        if rng.random() < chance:
            attrs[name] = value


def divisor(rng: Random, number: int) -> int:
    return rng.choice([one for one in range(1, number + 1) if number % one == 0])


def width(rng: Random) -> int:
    return rng.choice((1, 2, 3, 4, 4, 6, 8))


def activation(rng: Random) -> Part:
    kind = rng.choice(sorted(ACTIVATIONS))
    attrs: dict[str, Any] = {}
    if kind in ("elu", "celu"):
        maybe(rng, attrs, 0.5, alpha=0.7)
    if kind == "leaky_relu":
        maybe(rng, attrs, 0.5, negative_slope=0.2)
    if kind == "hardtanh":
        maybe(rng, attrs, 0.5, min_val=-2.0, max_val=2.0)
    if kind == "softplus":
        maybe(rng, attrs, 0.5, beta=2.0)
    if kind == "gelu":
        maybe(rng, attrs, 0.5, approximate=rng.choice(("none", "tanh")))
    return kind, attrs


def act_of_block(rng: Random) -> Any:
    return rng.choice(("silu", "gelu", "none", {"type": "leaky_relu", "negative_slope": 0.1}, "hardswish", "relu6"))


def norm_of_block(rng: Random) -> Any:
    return rng.choice(("none", "batch_norm", "layer_norm", {"type": "group_norm", "num_groups": 1}))


def conv(rng: Random, f: Form) -> Part:
    groups = divisor(rng, f.channels) if rng.random() < 0.3 else 1
    out = groups * rng.randint(1, 2) if groups > 1 else width(rng)
    attrs = {"out_channels": out, "kernel_size": sizes(rng, f.rank, 1, 3)}
    maybe(rng, attrs, 0.35, stride=sizes(rng, f.rank, 1, 3), padding=sizes(rng, f.rank, 0, 2))
    maybe(rng, attrs, 0.2, dilation=sizes(rng, f.rank, 1, 3), bias=rng.random() < 0.5)
    if groups > 1:
        attrs["groups"] = groups
    if rng.random() < 0.3:
        maybe(rng, attrs, 0.4, output_padding=sizes(rng, f.rank, 0, 2))
        return "conv_transpose", attrs
    return "conv", attrs


def pool(rng: Random, f: Form) -> Part:
    if rng.random() < 0.25:
        return rng.choice(("adaptive_avg_pool", "adaptive_max_pool")), {"output_size": sizes(rng, f.rank, 1, 5)}
    attrs = {"kernel_size": sizes(rng, f.rank, 1, 4)}
    maybe(rng, attrs, 0.5, stride=sizes(rng, f.rank, 1, 3), padding=sizes(rng, f.rank, 0, 2))
    maybe(rng, attrs, 0.4, ceil_mode=rng.random() < 0.8)
    if rng.random() < 0.5:
        maybe(rng, attrs, 0.4, count_include_pad=rng.random() < 0.5)
        return "avg_pool", attrs
    maybe(rng, attrs, 0.3, dilation=sizes(rng, f.rank, 1, 3))
    return "max_pool", attrs


def norm(rng: Random, f: Form) -> Part:
    attrs: dict[str, Any] = {}
    maybe(rng, attrs, 0.2, eps=1e-3)
    kind = rng.choice(("batch_norm", "layer_norm", "rms_norm", "group_norm", "local_response_norm"))
    if kind == "group_norm":
        maybe(rng, attrs, 0.2, affine=False)
        return kind, {**attrs, "num_groups": divisor(rng, f.channels)}
    if kind == "local_response_norm":
        attrs = {"size": rng.randint(1, 5)}
        maybe(rng, attrs, 0.3, alpha=1e-3, beta=0.5, k=2.0)
        return kind, attrs
    if kind == "batch_norm":
        maybe(rng, attrs, 0.2, momentum=0.01, affine=False)
    else:
        maybe(rng, attrs, 0.2, elementwise_affine=False)
    if kind == "layer_norm":
        maybe(rng, attrs, 0.2, bias=False)
    return kind, attrs


def resize(rng: Random, f: Form) -> Part:
    if rng.random() < 0.4:
        mode = rng.choice(("nearest", "linear"))
        return "upsample", {"scale_factor": sizes(rng, f.rank, 1, 2), "mode": mode}
    mode = rng.choice(("constant", "reflect", "replicate"))
    low = -1 if mode == "constant" else 0
    attrs: dict[str, Any] = {"padding": rng.randint(low, 2), "mode": mode}
    if rng.random() < 0.6:
        attrs["padding"] = tuple(rng.randint(low, 3) for _ in range(2 * f.rank))
    if mode == "constant":
        maybe(rng, attrs, 0.3, value=0.5)
    return "pad", attrs


def shuffle(rng: Random, f: Form) -> Part:
    if f.rank == 2 and f.channels % 4 == 0 and rng.random() < 0.5:
        return "pixel_shuffle", {"upscale_factor": 2}
    return "channel_shuffle", {"groups": divisor(rng, f.channels)}


def chunk(rng: Random, f: Form) -> Part:
    chunks = divisor(rng, f.channels)
    return "chunk", {"chunks": chunks, "index": rng.randrange(chunks)}


def normalize(rng: Random, f: Form) -> Part:
    def constants(low: float) -> tuple[float, ...]:
        return tuple(round(rng.uniform(low, 2), 2) for _ in range(rng.choice((1, f.channels))))

    return "normalize", {"mean": constants(-2), "std": constants(0.1)}


def random_effect(rng: Random, f: Form) -> Part:
    kind = rng.choice(("dropout", "stochastic_depth", "scale"))
    attrs: dict[str, Any] = {}
    if kind == "scale":
        maybe(rng, attrs, 0.5, init_value=0.1)
        return kind, attrs
    if kind == "dropout":
        maybe(rng, attrs, 0.7, p=rng.choice((0.0, 0.2, 1.0)))
        if not f.last and f.sizes:
            maybe(rng, attrs, 0.4, channelwise=True)
        return kind, attrs
    attrs["p"] = rng.choice((0.0, 0.3, 1.0))
    maybe(rng, attrs, 0.5, mode=rng.choice(("row", "batch")))
    return kind, attrs


def function(rng: Random, f: Form) -> Part:
    kind = rng.choice(("prelu", "softmax", "log_softmax"))
    attrs: dict[str, Any] = {}
    if kind == "prelu" and not f.last:
        maybe(rng, attrs, 0.4, per_channel=True, init_value=0.1)
    return kind, attrs


def linear(rng: Random, f: Form) -> Part:
    attrs: dict[str, Any] = {"out_features": width(rng)}
    maybe(rng, attrs, 0.3, bias=False)
    return "linear", attrs


def shortcut_block(rng: Random, f: Form) -> Part:
    kind = rng.choice(("residual", "bottleneck", "step"))
    attrs: dict[str, Any] = {}
    maybe(rng, attrs, 0.4, stride=sizes(rng, f.rank, 1, 2))
    if kind == "step":
        if "stride" in attrs:
            return kind, {"out_channels": f.channels + 1, **attrs}
        return kind, {"out_channels": width(rng), **attrs}
    maybe(rng, attrs, 0.3, act=act_of_block(rng))
    if kind == "residual":
        attrs["out_channels"] = rng.choice((f.channels, width(rng)))
        maybe(rng, attrs, 0.2, bias=True, shortcut=rng.choice(("auto", "identity", "projection")))
        maybe(rng, attrs, 0.2, zero_init_residual=True, shortcut_norm=norm_of_block(rng))
        return kind, attrs
    attrs |= {"width": width(rng)}
    maybe(rng, attrs, 0.5, expansion=rng.choice((1, 2)), groups=divisor(rng, attrs["width"]))
    maybe(rng, attrs, 0.2, dilation=sizes(rng, f.rank, 1, 2), shortcut=rng.choice(("auto", "projection")))
    maybe(rng, attrs, 0.2, out_channels=rng.choice((f.channels, width(rng))))
    return kind, attrs


def wide_block(rng: Random, f: Form) -> Part:
    kind = rng.choice(("inception", "dense", "transition", "conv_norm_act"))
    attrs: dict[str, Any] = {}
    maybe(rng, attrs, 0.3, act=act_of_block(rng))
    if kind == "dense":
        attrs["growth"] = rng.randint(1, 3)
        maybe(rng, attrs, 0.5, bottleneck=rng.randint(1, 2))
    if kind == "transition":
        maybe(rng, attrs, 0.5 if f.channels > 1 else 1, out_channels=width(rng))
    if kind == "inception":
        attrs |= {"c1": width(rng), "c3": (width(rng), width(rng)), "c5": (1, width(rng)), "pool": width(rng)}
        maybe(rng, attrs, 0.4, kernel5=3, norm=norm_of_block(rng))
    if kind == "conv_norm_act":
        attrs["out_channels"] = width(rng)
        maybe(rng, attrs, 0.4, kernel_size=sizes(rng, f.rank, 1, 4), stride=sizes(rng, f.rank, 1, 2))
        maybe(rng, attrs, 0.2, dilation=sizes(rng, f.rank, 1, 2), norm=norm_of_block(rng), bias=True)
    return kind, attrs


def small_block(rng: Random, f: Form) -> Part:
    kind = rng.choice(("vgg", "nin", "squeeze_excite", "inverted_residual", "ghost"))
    attrs: dict[str, Any] = {}
    maybe(rng, attrs, 0.3, act=act_of_block(rng))
    if kind == "squeeze_excite":
        maybe(rng, attrs, 0.3, gate="hardsigmoid")
        return kind, {"channels": rng.randint(1, 3), **attrs}
    attrs["out_channels"] = width(rng)
    if kind == "vgg":
        maybe(rng, attrs, 0.5, n=rng.randint(1, 3), norm=norm_of_block(rng))
    if kind == "nin":
        attrs["kernel_size"] = sizes(rng, f.rank, 1, 3)
        maybe(rng, attrs, 0.4, stride=sizes(rng, f.rank, 1, 2), padding=sizes(rng, f.rank, 0, 1))
    if kind == "inverted_residual":
        attrs["out_channels"] = rng.choice((f.channels, width(rng)))
        maybe(
            rng, attrs, 0.4, expand=rng.choice((1, 2, 1.5)), stride=sizes(rng, f.rank, 1, 2), squeeze=rng.randint(0, 2)
        )
        maybe(rng, attrs, 0.2, kernel_size=rng.choice((1, 3, 5)), expanded=rng.randint(1, 9), drop=0.2)
    if kind == "ghost":
        attrs["out_channels"] = 2 * rng.randint(1, 4)
        maybe(
            rng,
            attrs,
            0.3,
            kernel_size=sizes(rng, f.rank, 1, 3),
            stride=sizes(rng, f.rank, 1, 2),
            cheap_kernel_size=rng.choice((1, 3, 5)),
        )
    return kind, attrs


def bare(*kinds: str) -> Callable[[Random, Form], Part]:
    """Kinds without attributes."""
    return lambda rng, f: (rng.choice(kinds), {})


ON_MAPS: Mapping[Callable[[Random, Form], Part], int] = {
    conv: 10,
    pool: 6,
    norm: 4,
    resize: 4,
    shuffle: 2,
    chunk: 1,
    normalize: 1,
    random_effect: 2,
    function: 2,
    lambda rng, f: activation(rng): 3,
    shortcut_block: 3,
    wide_block: 3,
    small_block: 3,
    bare("channels_last"): 1,
    bare("flatten", "global_avg_pool", "global_max_pool"): 1,
}
"""What may stand on a channels-first map, with how often."""

ON_LAST: Mapping[Callable[[Random, Form], Part], int] = {
    linear: 3,
    norm: 2,
    random_effect: 1,
    function: 1,
    chunk: 1,
    lambda rng, f: activation(rng): 1,
    bare("channels_first"): 3,
    bare("flatten"): 1,
}

ON_FEATURES: Mapping[Callable[[Random, Form], Part], int] = {
    linear: 4,
    norm: 2,
    random_effect: 1,
    function: 1,
    chunk: 1,
    lambda rng, f: activation(rng): 2,
}


def random_part(rng: Random, f: Form) -> Part:
    """A kind and attributes for what arrives."""
    table = ON_FEATURES if not f.sizes else ON_LAST if f.last else ON_MAPS
    return rng.choices(list(table), list(table.values()))[0](rng, f)
