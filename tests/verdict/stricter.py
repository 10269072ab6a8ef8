"""The classes of networks that run in PyTorch and that archc refuses on purpose, and how they are seen from torch's side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .composites import BLOCKS
from .modules import ACTIVATIONS, GLOBAL, SPATIAL, Cat, Normalised, Part, Plus, Times, zero_padded
from .net import MERGES


@dataclass(frozen=True)
class Stricter:
    """A class: what it is, in the words of `docs/language.md`, and the codes that archc has for it."""

    doc: str
    codes: frozenset[str]


def stricter(doc: str, *codes: str) -> Stricter:
    return Stricter(doc, frozenset(codes))


CLASSES = {
    "broadcast": stricter(
        "`add` that broadcasts, `multiply` that broadcasts along anything but spatial axes", "A0301", "A0304", "A0305"
    ),
    "linear on a map": stricter("`linear` on a map that was not flattened", "A0309"),
    "nothing left": stricter("maps, widths or counts of 0", "A0104", "A0308"),
    "bool": stricter("a bool or a text for a number; a number or a text for a bool", "A0103"),
    "negative padding": stricter("negative padding in `reflect` and `replicate`", "A0104"),
    "padding of other axes": stricter("`pad` with other than two sizes for each spatial axis", "A0104"),
    "uneven split": stricter("a split into uneven or fewer parts", "A0104", "A0204", "A0311"),
    "layout": stricter("an op for channels first on a channels-last map; a merge of both layouts", "A0310", "A0301"),
    "axes": stricter("an op for maps on features, or for pictures on other maps", "A0301"),
    "list of one": stricter("a list of one size for several axes", "A0104"),
    "constant": stricter("constants without meaning", "A0104"),
    "negative index": stricter("a `chunk` counted from the end", "A0104"),
    "fraction": stricter("`upsample` by a factor that is not whole", "A0204"),
    "merge of one": stricter("a merge of one value", "A0405"),
    "unused": stricter("a stage whose output nothing takes", "A0403"),
}
"""Each class by a short name. Whether a network belongs to one is told from torch's side alone; the codes only make
sure that archc refuses it for that and for nothing else."""

ANY_LAYOUT = {
    "linear",
    "layer_norm",
    "rms_norm",
    "flatten",
    "dropout",
    "stochastic_depth",
    "scale",
    "softmax",
    "log_softmax",
    "chunk",
    "channels_first",
    "group",
    *MERGES,
}
"""Kinds that mean the same on channels-last maps; the functions of each element do too."""

ONE_BY_ONE = {"kernel_size", "stride", "padding", "dilation", "output_padding", "output_size", "scale_factor", "scale"}
FLAGS = {
    "bias",
    "affine",
    "elementwise_affine",
    "ceil_mode",
    "count_include_pad",
    "per_channel",
    "channelwise",
    "zero_init_residual",
}
TEXTS = {"mode", "approximate", "act", "norm", "gate", "shortcut", "shortcut_norm"}
MAP_KINDS = {
    "conv",
    "conv_transpose",
    "pad",
    "upsample",
    "channel_shuffle",
    "channels_last",
    "channels_first",
    *SPATIAL,
    *GLOBAL,
    *BLOCKS,
    "fuse",
}
"""Kinds that need a map; all blocks do."""


def of_attributes(kind: str, attrs: dict[str, Any], rank: int) -> Iterator[str]:
    """The classes that the attributes of a stage belong to."""
    for name, value in attrs.items():
        fits = isinstance(value, bool) if name in FLAGS else not isinstance(value, (bool, str))
        if name not in TEXTS and not fits:
            yield "bool"
        elif name in ONE_BY_ONE and isinstance(value, tuple) and len(value) == 1 and rank > 1 and kind != "pad":
            yield "list of one"
        elif kind == "pad" and name == "padding":
            yield from of_padding(attrs, rank)
        elif name == "std" and min(flat(value)) <= 0:
            yield "constant"
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield from of_number(kind, name, value)


def of_number(kind: str, name: str, value: float) -> Iterator[str]:
    if name == "momentum" and not 0 <= value <= 1:
        yield "constant"
    if name in ("eps", "alpha", "beta") and value <= 0 and kind != "local_response_norm":
        yield "constant"
    if kind == "vgg" and name == "n" and value <= 0:
        yield "nothing left"
    if kind == "ghost" and name == "out_channels" and value % 2:
        yield "uneven split"
    if kind == "chunk" and name == "index" and value < 0:
        yield "negative index"


def of_padding(attrs: dict[str, Any], rank: int) -> Iterator[str]:
    padding = attrs["padding"]
    sizes = padding if isinstance(padding, tuple) else (padding,)
    if isinstance(padding, tuple) and len(padding) != 2 * rank:
        yield "padding of other axes"
    if attrs.get("mode", "constant") != "constant" and min(sizes, default=0) < 0:
        yield "negative padding"


def of_stage(kind: str, attrs: dict[str, Any], inputs: Sequence[tuple[Tensor, bool]], rank: int) -> Iterator[str]:
    """The classes that a stage belongs to by what arrives at it: tensors, and whether their channels stand last."""
    x, last = inputs[0]
    yield from of_attributes(kind, attrs, rank)
    if kind in MERGES:
        if len({lasts for _, lasts in inputs}) > 1:
            yield "layout"
    elif last and not means_the_same(kind, attrs, x.shape[-1]):
        yield "layout"
    if kind == "channels_first" and not last and x.dim() > 2:
        yield "layout"
    if kind == "linear" and x.dim() > 2 and not last:
        yield "linear on a map"
    wants_map = kind in MAP_KINDS or (kind == "dropout" and attrs.get("channelwise"))
    if (wants_map and x.dim() < max(rank, 1) + 2) or (kind == "pixel_shuffle" and x.dim() != 4):
        yield "axes"
    if kind == "chunk" and x.shape[-1 if last else 1] % max(attrs["chunks"], 1):
        yield "uneven split"
    if kind == "upsample" and any(float(one) % 1 for one in flat(attrs["scale_factor"])):
        yield "fraction"
    if kind == "pad" and x.dim() == rank + 2 and zero_padded(x, pairs(attrs["padding"], rank)).numel() == 0:
        yield "nothing left"


def means_the_same(kind: str, attrs: dict[str, Any], channels: int) -> bool:
    """Whether a kind on a channels-last map does what it does on a channels-first one."""
    if kind == "prelu":
        return not attrs.get("per_channel") or channels == 1
    if kind == "dropout":
        return not attrs.get("channelwise")
    return kind in ANY_LAYOUT or kind in ACTIVATIONS


def flat(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def pairs(padding: Any, rank: int) -> tuple[int, ...]:
    return padding if isinstance(padding, tuple) else (padding,) * 2 * rank


def of_module(module: nn.Module, inputs: Sequence[Any], output: Any) -> Iterator[str]:
    """The classes that one call of a module of the eager program belongs to; also of those inside a block."""
    tensors = [one for one in (*inputs, output, *module.parameters(recurse=False)) if isinstance(one, Tensor)]
    if any(one.numel() == 0 for one in tensors):
        yield "nothing left"
    if isinstance(module, Plus) and len({one.shape for one in inputs}) > 1:
        yield "broadcast"
    if isinstance(module, Times) and not only_ones_stretch([one.movedim(module.axis, 1).shape for one in inputs]):
        yield "broadcast"
    if isinstance(module, Normalised) and output.shape != inputs[0].shape:
        yield "broadcast"
    if isinstance(module, (Cat, Part)) and isinstance(output, Tensor) and output.dim() < 2:
        yield "axes"


def only_ones_stretch(shapes: Sequence[torch.Size]) -> bool:
    """Whether shapes of one length differ in axes of size 1 only, batch and channels not among them."""
    if len({len(shape) for shape in shapes}) > 1:
        return False
    rows = list(zip(*shapes, strict=True))
    return all(len(set(row)) == 1 for row in rows[:2]) and all(len(set(row) - {1}) <= 1 for row in rows[2:])
