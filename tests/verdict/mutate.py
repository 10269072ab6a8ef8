"""Mutations of the neutral form: one change each, most of which make a network that does not run."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from . import mutate_numbers as numbers
from . import mutate_structure as structure
from .change import CONVS, WINDOWS, Mutation, around, change, one_of
from .net import Net

OPERATORS: Mapping[str, Mutation] = {
    "width off by one": numbers.width,
    "width off by one in a branch": numbers.width_in_a_branch,
    "stride": change("stride", one_of(1, 2, 3, 4), CONVS, 1),
    "stride in a branch": numbers.stride_in_a_branch,
    "kernel_size": change("kernel_size", around(-1, 1, 2, 4), ("conv_norm_act",), 3),
    "padding": change("padding", around(-1, 1, 2), WINDOWS, 0),
    "output_padding": change("output_padding", around(-1, 1, 2), ("conv_transpose",), 0),
    "dilation": change("dilation", around(1, 2, 3), (*CONVS, "max_pool", "bottleneck"), 1),
    "groups": change("groups", one_of(2, 3, 4, 5), (*CONVS, "bottleneck"), 1),
    "smaller input": numbers.smaller_input,
    "larger input": numbers.larger_input,
    "empty input": numbers.empty_input,
    "input channels": numbers.input_channels,
    "zero": numbers.zero,
    "negative": numbers.negative,
    "fraction": numbers.half,
    "list of another rank": numbers.wrong_length,
    "axes apart": numbers.axes_apart,
    "padding over half the window": numbers.half_the_window,
    "number out of range": numbers.out_of_range,
    "wrong scalar": numbers.wrong_scalar,
    "more copies": numbers.many_copies,
    "fewer copies": structure.ungrouped,
    "chunks": numbers.chunks,
    "pad": numbers.padding_list,
    "flag": numbers.flag,
    "num_groups": change("num_groups", around(1, 2, 3)),
    "channel_shuffle": structure.inserted("channel_shuffle", groups=2),
    "pixel_shuffle": structure.inserted("pixel_shuffle", upscale_factor=2),
    "upsample factor": change("scale_factor", around(1, 2)),
    "fuse scale": change("scale", around(-1, 1), ("fuse",), 2),
    "adaptive output size": change("output_size", around(-1, 1, 2)),
    "prelu": structure.inserted("prelu", per_channel=True),
    "dropped stage": structure.dropped,
    "dropped flatten": structure.dropped_flatten,
    "dropped layout change": structure.dropped_layout,
    "extra flatten": structure.inserted("flatten"),
    "extra linear": structure.inserted("linear", out_features=4),
    "extra channels_last": structure.inserted("channels_last"),
    "extra anything": structure.inserted_anything,
    "doubled stage": structure.doubled,
    "swapped neighbours": structure.swapped,
    "exchanged stages": structure.exchanged,
    "another source": structure.rewired,
    "another merge": structure.another_merge,
    "merged inputs": structure.merged_inputs,
    "merge of other sizes": structure.in_a_branch(
        ("max_pool", {"kernel_size": 2}), ("global_avg_pool", {}), ("upsample", {"scale_factor": 2})
    ),
    "merge of other channels": structure.in_a_branch(
        ("conv", {"out_channels": 1, "kernel_size": 1}), ("conv", {"out_channels": 5, "kernel_size": 1})
    ),
    "merge of other axes": structure.in_a_branch(("flatten", {}), ("channels_last", {})),
    "two inputs": structure.many_inputs,
    "another kind": structure.another_kind,
    "shortcut": structure.shortcut,
}
"""The operators by name."""


def mutated(net: Net, rng: Random) -> tuple[str, Net]:
    """One operator's change of a network, and the operator's name."""
    names = list(OPERATORS)
    while True:
        name = rng.choice(names)
        for _ in range(12):
            new = OPERATORS[name](rng, net)
            if new is not None and new != net:
                return name, new
