"""Names of PyTorch and of other habits that this language says otherwise, and how it says them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Final

from archc.blocks.primitives import PRIMITIVES
from archc.spec.params import proposal, suggestion

INFERRED: Final = "remove it: what arrives is inferred from the stages before"

FIELDS: Final[Mapping[str, str]] = {
    "in_channels": INFERRED,
    "in_features": INFERRED,
    "num_features": INFERRED,
    "num_channels": INFERRED,
    "normalized_shape": INFERRED,
    "num_parameters": "use `per_channel: true` for a slope for each channel",
    "inplace": "remove it: it changes no result",
    "device": "remove it: a module is moved with `.to`",
    "dtype": "remove it: weights are float32, a module is cast with `.to`",
    "dim": "remove it: the channels are meant",
    "start_dim": "remove it: every axis but the batch is flattened",
    "end_dim": "remove it: every axis but the batch is flattened",
    "align_corners": "remove it: corners are not aligned",
    "size": "use `scale_factor`, a whole factor",
    "padding_mode": "put `{type: pad, padding: ..., mode: ...}` before it, and leave out its own padding",
    "return_indices": "remove it: a stage gives one value",
    "divisor_override": "remove it: the mean is that of the window",
    "track_running_stats": "remove it: running statistics are always kept",
}
"""Fields that PyTorch's modules have and these types, or some of them, do not."""

TYPES: Final[Mapping[str, str]] = {
    "instancenorm": "use `group_norm` with `num_groups: $in_channels`",
    "sequential": "write a group: `stages: [...]` in place of `type`",
    "identity": "leave the stage out; `when:` leaves it out under a condition",
    "swish": "did you mean `silu`?",
    "cat": "did you mean `concat`?",
    "sum": "did you mean `add`?",
    "mul": "did you mean `multiply`?",
    "fc": "did you mean `linear`?",
    "fullyconnected": "did you mean `linear`?",
    "deconv": "did you mean `conv_transpose`?",
    "lrn": "did you mean `local_response_norm`?",
    "bn": "did you mean `batch_norm`?",
    "ln": "did you mean `layer_norm`?",
    "gap": "did you mean `global_avg_pool`?",
    "interpolate": "did you mean `upsample`?",
    "resize": "did you mean `upsample`?",
    "reshape": "did you mean `flatten`?",
    "view": "did you mean `flatten`?",
    "split": "did you mean `chunk`?",
    "zeropad": "use `pad`",
    "constantpad": "use `pad` with `value`",
    "reflectionpad": "use `pad` with `mode: reflect`",
    "replicationpad": "use `pad` with `mode: replicate`",
    "layerscale": "did you mean `scale`?",
    "droppath": "did you mean `stochastic_depth`?",
    "maxpooling": "did you mean `max_pool`?",
    "averagepooling": "did you mean `avg_pool`?",
    "globalaveragepooling": "did you mean `global_avg_pool`?",
    "globalmaxpooling": "did you mean `global_max_pool`?",
    "batchnormalization": "did you mean `batch_norm`?",
    "layernormalization": "did you mean `layer_norm`?",
    "groupnormalization": "did you mean `group_norm`?",
    "upsampling": "did you mean `upsample`?",
    "zeropadding": "use `pad`",
    "spatialdropout": "use `dropout` with `channelwise: true`",
    "featurealphadropout": "use `dropout` with `channelwise: true`",
    "activation": "name the function itself, say `type: relu`",
    "nonlinearity": "name the function itself, say `type: relu`",
    "depthwiseconv": "use `conv` with `groups: $in_channels`",
    "basicblock": "did you mean `residual`?",
    "resblock": "did you mean `residual`?",
    "mbconv": "did you mean `inverted_residual`?",
    "denseblock": "use `dense` with `repeat`",
    "selayer": "did you mean `squeeze_excite`?",
    "seblock": "did you mean `squeeze_excite`?",
    "convbn": "use `conv_norm_act` with `act: none`",
    "convbnrelu": "did you mean `conv_norm_act`?",
    "convbnact": "did you mean `conv_norm_act`?",
    "convmodule": "did you mean `conv_norm_act`?",
    "conv2dnormactivation": "did you mean `conv_norm_act`?",
    "conv3dnormactivation": "did you mean `conv_norm_act`?",
    "group": "leave `type` out: a stage with `stages` is a group",
    "module": "leave `type` out: a stage with `stages` is a group",
}
"""Types by their names without case, underscores and what says the rank."""


CHANNELWISE: Final = re.compile(r"[123][dD]\W*\Z")
"""The end of `Dropout2d`, which zeroes whole channels."""

CALLED: Final = re.compile(r"\(.*\)\Z", re.DOTALL)
"""The end of `nn.ReLU()`."""


def field_help(type_: str, key: str) -> str:
    """How a field of PyTorch's that a type does not have is said, or "". A block's fields are its own affair."""
    help = FIELDS.get(key, "")
    return help if help is INFERRED or type_ in PRIMITIVES else ""


def type_help(name: str, known: Iterable[str], taken: Collection[str] = ()) -> str:
    """The type that an unknown one was meant to be; `taken` are words that it cannot be respelt to."""
    return _type_help(name, tuple(known), tuple(taken))


@lru_cache(maxsize=256)
def _type_help(name: str, names: tuple[str, ...], taken: tuple[str, ...]) -> str:
    plain = squashed(name)
    same = next((one for one in names if squashed(one) == plain), None)
    if plain == "dropout" and CHANNELWISE.search(name) and same:
        return TYPES["spatialdropout"]
    return (
        proposal(name, same, names, taken)
        if same
        else TYPES.get(plain) or suggestion(name, names, "see `archc blocks`", taken)
    )


@lru_cache(maxsize=8192)
def squashed(name: str) -> str:
    """`torch.nn.BatchNorm2d` and `batch_norm` as one word."""
    called = CALLED.sub("", name).rpartition(".")[2]
    return re.sub(r"[123]d$", "", called.lower().replace("_", "").replace("-", ""))
