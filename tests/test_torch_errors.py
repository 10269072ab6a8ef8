"""Op by op: where PyTorch's modules refuse their arguments or their input, archc says why, with the values, before it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from archc.api import load_with
from archc.blocks.primitives import PRIMITIVES
from archc.diagnostics import Diagnostic
from archc.diagnostics.render import to_text

torch = pytest.importorskip("torch", reason="torch is the oracle")
from torch import nn  # noqa: E402

INPUTS = {
    "features": ("features: 6", (2, 6)),
    "length": ("channels: 4, length: 8", (2, 4, 8)),
    "picture": ("channels: 4, height: 8, width: 6", (2, 4, 8, 6)),
    "volume": ("channels: 4, depth: 8, height: 8, width: 6", (2, 4, 8, 8, 6)),
}

Row = tuple[str, str, str, str, str, Callable[..., object]]
"""Input, stages, code, what is said of it (parts apart by `|`), field or type at the caret, and PyTorch's way into the same."""


ROWS: list[Row] = [
    # convolution
    ("picture", "conv, out_channels: 4, kernel_size: 3, groups: 3", "A0302", "4 input channels over 3 groups leave 1", "3", lambda x: nn.Conv2d(4, 4, 3, groups=3)(x)),
    ("picture", "conv, out_channels: 3, kernel_size: 3, groups: 2", "A0302", "3 output channels over 2 groups leave 1", "2", lambda x: nn.Conv2d(4, 3, 3, groups=2)(x)),
    ("picture", "conv, out_channels: 4, kernel_size: 3, groups: 0", "A0104", "`groups` is out of range|0 is given, at least 1", "0", lambda x: nn.Conv2d(4, 4, 3, groups=0)(x)),
    ("picture", "conv, out_channels: 4, kernel_size: 7", "A0303", "spans 7 along the width, the padded input has 6", "7", lambda x: nn.Conv2d(4, 4, 7)(x)),
    ("picture", "conv, out_channels: 4, kernel_size: [11, 1], padding: [1, 0]", "A0303", "spans 11 along the height, the padded input has 10", "[11, 1]", lambda x: nn.Conv2d(4, 4, (11, 1), padding=(1, 0))(x)),
    ("picture", "conv, out_channels: 4, kernel_size: 3, dilation: 4", "A0303", "spans 9 along the height, the padded input has 8", "3", lambda x: nn.Conv2d(4, 4, 3, dilation=4)(x)),
    ("volume", "conv, out_channels: 4, kernel_size: [1, 1, 7]", "A0303", "spans 7 along the width", "[1, 1, 7]", lambda x: nn.Conv3d(4, 4, (1, 1, 7))(x)),
    ("length", "conv, out_channels: 4, kernel_size: 9", "A0303", "spans 9 along the length", "9", lambda x: nn.Conv1d(4, 4, 9)(x)),
    ("picture", "conv, out_channels: 4, kernel_size: 3, stride: 0", "A0104", "`stride` is out of range|0 is given", "0", lambda x: nn.Conv2d(4, 4, 3, stride=0)(x)),
    ("picture", "conv, out_channels: 4, kernel_size: 3, dilation: 0", "A0104", "`dilation` is out of range", "0", lambda x: nn.Conv2d(4, 4, 3, dilation=0)(x)),
    ("picture", "conv, out_channels: 4, kernel_size: 3, padding: -1", "A0104", "`padding` is out of range|-1 is given, at least 0", "-1", lambda x: nn.Conv2d(4, 4, 3, padding=-1)(x)),
    ("picture", "conv, out_channels: 4, kernel_size: -3", "A0104", "`kernel_size` is out of range", "-3", lambda x: nn.Conv2d(4, 4, -3)(x)),
    ("picture", "conv, out_channels: -4, kernel_size: 3", "A0104", "`out_channels` is out of range", "-4", lambda x: nn.Conv2d(4, -4, 3)(x)),
    ("picture", "conv, out_channels: 4, kernel_size: [3, 3, 3]", "A0104", "`kernel_size` needs an int for each axis|3 are given, the network's input has 2 axes", "[3, 3, 3]", lambda x: nn.Conv2d(4, 4, (3, 3, 3))(x)),
    ("picture", "conv, out_channels: 4, kernel_size: [3]", "A0104", "`kernel_size` needs an int for each axis|1 is given", "[3]", lambda x: nn.Conv2d(4, 4, (3,))(x)),
    ("picture", "conv, out_channels: 4, kernel_size: 3, padding: same, stride: 2", "A0103", "`padding` needs an int", "same", lambda x: nn.Conv2d(4, 4, 3, padding="same", stride=2)(x)),
    ("picture", "conv, out_channels: 4, kernel_size: 2.5", "A0204", "`kernel_size` needs an int|this is 2.5", "2.5", lambda x: nn.Conv2d(4, 4, 2.5)(x)),
    ("features", "conv, out_channels: 4, kernel_size: 1", "A0301", "a convolution needs spatial axes|(N, 6), plain features", "conv", lambda x: nn.Conv1d(6, 4, 1)(x[:, :, None, None])),
    # transposed convolution
    ("picture", "conv_transpose, out_channels: 4, kernel_size: 3, groups: 3", "A0302", "4 input channels over 3 groups", "3", lambda x: nn.ConvTranspose2d(4, 4, 3, groups=3)(x)),
    ("picture", "conv_transpose, out_channels: 3, kernel_size: 3, groups: 2", "A0302", "3 output channels over 2 groups", "2", lambda x: nn.ConvTranspose2d(4, 3, 3, groups=2)(x)),
    ("picture", "conv_transpose, out_channels: 4, kernel_size: 3, stride: 2, output_padding: 2", "A0307", "2 along the height, where less than 2", "2", lambda x: nn.ConvTranspose2d(4, 4, 3, stride=2, output_padding=2)(x)),
    ("picture", "conv_transpose, out_channels: 4, kernel_size: 3, stride: [3, 1], output_padding: [2, 1]", "A0307", "1 along the width, where less than 1", "[2, 1]", lambda x: nn.ConvTranspose2d(4, 4, 3, (3, 1), 0, (2, 1))(x)),
    ("picture", "conv_transpose, out_channels: 4, kernel_size: 1, padding: 4", "A0308", "the output's height would be 0 or less", "4", lambda x: nn.ConvTranspose2d(4, 4, 1, padding=4)(x)),
    ("features", "conv_transpose, out_channels: 4, kernel_size: 1", "A0301", "a transposed convolution needs spatial axes", "conv_transpose", lambda x: nn.ConvTranspose1d(6, 4, 1)(x[:, :, None, None])),
    # linear
    ("picture", "linear, out_features: 4", "A0309", "linear needs features, a map arrives|(N, 4, 8, 6)", "linear", lambda x: nn.Linear(4, 4)(x)),
    ("features", "linear, out_features: -1", "A0104", "`out_features` is out of range", "-1", lambda x: nn.Linear(6, -1)(x)),
    # normalisation
    ("picture", "group_norm, num_groups: 3", "A0302", "4 channels over 3 groups leave 1", "3", lambda x: nn.GroupNorm(3, 4)(x)),
    ("picture", "group_norm, num_groups: 0", "A0104", "`num_groups` is out of range", "0", lambda x: nn.GroupNorm(0, 4)(x)),
    ("picture", "normalize, mean: [0.5, 0.5, 0.5], std: [0.5]", "A0304", "normalize needs a mean for each channel|3 are given", "[0.5, 0.5, 0.5]", lambda x: x - torch.full((3, 1, 1), 0.5)),
    ("features", "local_response_norm, size: 3", "A0301", "local_response_norm needs spatial axes", "local_response_norm", lambda x: nn.LocalResponseNorm(3)(x)),
    ("picture", "local_response_norm, size: 0", "A0104", "`size` is out of range", "0", lambda x: nn.LocalResponseNorm(0)(x)),
    # pools
    ("picture", "max_pool, kernel_size: 7", "A0303", "spans 7 along the width, the padded input has 6", "7", lambda x: nn.MaxPool2d(7)(x)),
    ("picture", "max_pool, kernel_size: 3, dilation: 3", "A0303", "spans 7 along the width", "3", lambda x: nn.MaxPool2d(3, dilation=3)(x)),
    ("picture", "max_pool, kernel_size: 3, padding: 2", "A0306", "2 along the height, the window has 3", "2", lambda x: nn.MaxPool2d(3, padding=2)(x)),
    ("picture", "max_pool, kernel_size: 0", "A0104", "`kernel_size` is out of range", "0", lambda x: nn.MaxPool2d(0)(x)),
    ("picture", "max_pool, kernel_size: 2, stride: -1", "A0104", "`stride` is out of range", "-1", lambda x: nn.MaxPool2d(2, -1)(x)),
    ("length", "max_pool, kernel_size: 9", "A0303", "spans 9 along the length", "9", lambda x: nn.MaxPool1d(9)(x)),
    ("picture", "avg_pool, kernel_size: 7", "A0303", "spans 7 along the width", "7", lambda x: nn.AvgPool2d(7)(x)),
    ("picture", "avg_pool, kernel_size: 2, padding: [0, 2]", "A0306", "2 along the width, the window has 2", "[0, 2]", lambda x: nn.AvgPool2d(2, padding=(0, 2))(x)),
    ("volume", "avg_pool, kernel_size: 7, padding: 1", "A0303", "spans 7 along the width, the input has 6 before padding", "7", lambda x: nn.AvgPool3d(7, padding=1)(x)),
    ("features", "max_pool, kernel_size: 1", "A0301", "a pool needs spatial axes", "max_pool", lambda x: nn.MaxPool2d(1)(x)),
    ("features", "avg_pool, kernel_size: 1", "A0301", "a pool needs spatial axes", "avg_pool", lambda x: nn.AvgPool2d(1)(x)),
    ("picture", "adaptive_avg_pool, output_size: -1", "A0104", "`output_size` is out of range", "-1", lambda x: nn.AdaptiveAvgPool2d(-1)(x)),
    ("picture", "adaptive_max_pool, output_size: [1, 2, 3]", "A0104", "`output_size` needs an int for each axis", "[1, 2, 3]", lambda x: nn.AdaptiveMaxPool2d((1, 2, 3))(x)),
    ("features", "adaptive_max_pool, output_size: 1", "A0301", "an adaptive pool needs spatial axes", "adaptive_max_pool", lambda x: nn.AdaptiveMaxPool2d(1)(x)),
    ("features", "global_max_pool", "A0301", "an adaptive pool needs spatial axes", "global_max_pool", lambda x: nn.AdaptiveMaxPool2d(1)(x)),
    # functions of each element
    ("picture", "hardtanh, min_val: 2, max_val: 1", "A0104", "min_val is not below max_val|2.0, max_val is 1.0", "2", lambda x: nn.Hardtanh(2, 1)(x)),
    ("picture", "hardtanh, min_val: 1, max_val: 1", "A0104", "min_val is not below max_val", "1", lambda x: nn.Hardtanh(1, 1)(x)),
    ("picture", "celu, alpha: 0", "A0104", "`alpha` is out of range|above 0 is needed", "0", lambda x: nn.CELU(0)(x)),
    ("picture", "gelu, approximate: erf", "A0104", "`approximate` has no choice `erf`", "erf", lambda x: nn.GELU(approximate="erf")(x)),
    ("picture", "leaky_relu, negative_slope: small", "A0103", "`negative_slope` needs a number|a string (`small`)", "small", lambda x: nn.LeakyReLU("small")(x)),
    # merges
    ("picture", "{name: a, type: conv, out_channels: 3, kernel_size: 1}, {type: add, from: [a, input]}", "A0304", "4 channels meet 3|(N, 3, 8, 6) and (N, 4, 8, 6)", "input", lambda x: nn.Conv2d(4, 3, 1)(x) + x),
    ("picture", "{name: a, type: conv, out_channels: 3, kernel_size: 1}, {type: multiply, from: [a, input]}", "A0304", "4 channels meet 3", "input", lambda x: nn.Conv2d(4, 3, 1)(x) * x),
    ("picture", "{name: a, type: max_pool, kernel_size: 2}, {type: add, from: [a, input]}", "A0305", "height 8 meets 4|(N, 4, 4, 3) and (N, 4, 8, 6)", "input", lambda x: nn.MaxPool2d(2)(x) + x),
    ("picture", "{name: a, type: max_pool, kernel_size: 2}, {type: multiply, from: [a, input]}", "A0305", "height 8 meets 4", "input", lambda x: nn.MaxPool2d(2)(x) * x),
    ("picture", "{name: a, type: max_pool, kernel_size: [1, 2]}, {type: concat, from: [input, a]}", "A0305", "width 3 meets 6", "a", lambda x: torch.cat([x, nn.MaxPool2d((1, 2))(x)], 1)),
    ("picture", "{name: a, type: global_avg_pool}, {type: concat, from: [input, a]}", "A0305", "height 1 meets 8", "a", lambda x: torch.cat([x, nn.AdaptiveAvgPool2d(1)(x)], 1)),
    ("picture", "{name: g, type: global_avg_pool}, {name: p, from: input, type: max_pool, kernel_size: 2}, {type: multiply, from: [g, input, p]}", "A0305", "height 4 meets 8", "p", lambda x: nn.AdaptiveAvgPool2d(1)(x) * x * nn.MaxPool2d(2)(x)),
    ("picture", "{name: f, type: flatten}, {type: concat, from: [input, f]}", "A0301", "concat joins values of different form|(N, 192) meets (N, 4, 8, 6)", "f", lambda x: torch.cat([x, x.flatten(1)], 1)),
    ("picture", "{name: f, type: flatten}, {type: add, from: [input, f]}", "A0301", "add joins values of different form", "f", lambda x: x + x.flatten(1)),
    ("picture", "{name: f, type: flatten}, {type: multiply, from: [input, f]}", "A0301", "multiply joins values of different form", "f", lambda x: x * x.flatten(1)),
    ("picture", "{name: l, type: channels_last}, {type: add, from: [input, l]}", "A0301", "(N, 8, 6, 4) meets (N, 4, 8, 6)", "l", lambda x: x + x.permute(0, 2, 3, 1)),
    ("picture", "{name: a, type: conv, out_channels: 3, kernel_size: 1}, {type: concat, from: [a, nothing]}", "A0401", "nothing", "nothing", lambda x: torch.cat([nn.Conv2d(4, 3, 1)(x), None], 1)),
    # layout, padding, resizing
    ("picture", "chunk, chunks: 2, index: 2", "A0104", "index is out of range|2, but there are 2 chunks", "2", lambda x: x.chunk(2, 1)[2]),
    ("picture", "chunk, chunks: 0, index: 0", "A0104", "`chunks` is out of range", "0", lambda x: x.chunk(0, 1)[0]),
    ("picture", "pad, padding: [6, 0, 0, 0], mode: reflect", "A0306", "6 along the width of 6", "[6, 0, 0, 0]", lambda x: nn.functional.pad(x, (6, 0, 0, 0), "reflect")),
    ("picture", "pad, padding: 8, mode: reflect", "A0306", "8 along the height of 8", "8", lambda x: nn.ReflectionPad2d(8)(x)),
    ("picture", "pad, padding: [1, 1, 1], mode: replicate", "A0104", "`padding` needs 4 sizes", "[1, 1, 1]", lambda x: nn.functional.pad(x, (1, 1, 1), "replicate")),
    ("picture", "pad, padding: [-4, -3, 0, 0]", "A0308", "all 6 along the width are taken away", "[-4, -3, 0, 0]", lambda x: nn.functional.pad(x, (-4, -3, 0, 0))),
    ("picture", "pad, padding: 1, mode: mirror", "A0104", "`mode` has no choice `mirror`", "mirror", lambda x: nn.functional.pad(x, (1, 1), "mirror")),
    ("features", "pad, padding: 1, mode: reflect", "A0301", "pad needs spatial axes", "pad", lambda x: nn.functional.pad(x[:, :, None, None, None, None], (1, 1), "reflect")),
    ("picture", "upsample, scale_factor: 0", "A0104", "`scale_factor` is out of range", "0", lambda x: nn.Upsample(scale_factor=0)(x)),
    ("picture", "upsample, scale_factor: 2, mode: cubic", "A0104", "`mode` has no choice `cubic`", "cubic", lambda x: nn.Upsample(scale_factor=2, mode="cubic")(x)),
    ("picture", "upsample, scale_factor: [2, 2, 2]", "A0104", "`scale_factor` needs an int for each axis", "[2, 2, 2]", lambda x: nn.Upsample(scale_factor=(2, 2, 2))(x)),
    ("features", "upsample, scale_factor: 2", "A0301", "upsample needs spatial axes", "upsample", lambda x: nn.Upsample(scale_factor=2)(x)),
    ("picture", "channel_shuffle, groups: 3", "A0302", "4 channels over 3 groups leave 1", "3", lambda x: nn.ChannelShuffle(3)(x)),
    ("features", "channel_shuffle, groups: 2", "A0301", "channel_shuffle needs spatial axes", "channel_shuffle", lambda x: nn.ChannelShuffle(2)(x)),
    ("picture", "pixel_shuffle, upscale_factor: 3", "A0302", "4 channels over 9 leave 4", "3", lambda x: nn.PixelShuffle(3)(x)),
    ("picture", "pixel_shuffle, upscale_factor: 0", "A0104", "`upscale_factor` is out of range", "0", lambda x: nn.PixelShuffle(0)(x)),
    ("features", "channels_last", "A0301", "channels_last needs spatial axes", "channels_last", lambda x: x.permute(0, 2, 3, 1)),
    ("length", "pixel_shuffle, upscale_factor: 2", "A0301", "pixel_shuffle needs a picture", "pixel_shuffle", lambda x: nn.PixelShuffle(2)(x)),
    ("picture", "conv, out_channels: 0, kernel_size: 1", "A0104", "`out_channels` is out of range", "0", lambda x: nn.Conv2d(4, 0, 1)(x)),
    ("picture", "batch_norm, eps: 0", "A0104", "`eps` is out of range", "0", lambda x: nn.BatchNorm2d(4, eps=0)(x)),
    # regularisation
    ("picture", "dropout, p: 1.5", "A0104", "`p` is out of range|1.5 is given, at least 0 and at most 1", "1.5", lambda x: nn.Dropout(1.5)(x)),
    ("picture", "dropout, p: -0.5, channelwise: true", "A0104", "`p` is out of range", "-0.5", lambda x: nn.Dropout2d(-0.5)(x)),
]  # fmt: skip


REFUSALS = (
    RuntimeError,
    ValueError,
    IndexError,
    TypeError,
    NotImplementedError,
    AssertionError,
    KeyError,
    ZeroDivisionError,
)
"""What torch raises: its checks are not of one kind."""


def text_of(given: str, stages: str) -> str:
    listed = stages if stages.startswith("{") else f"{{type: {stages}}}"
    return f"archc: 1\nname: net\ninput: {{{INPUTS[given][0]}}}\nstages: [{listed}]\n"


def check(given: str, stages: str) -> list[Diagnostic]:
    return load_with("-", [], text_of(given, stages).encode()).check(warnings=False)


def ids(rows: list[Row]) -> list[str]:
    return [f"{given}-{stages}" for given, stages, *_ in rows]


def refused_as_said(given: str, stages: str, code: str, said: str, guilty: str) -> None:
    found = check(given, stages)
    assert [one.code for one in found] == [code], to_text(found)
    told = " ".join((found[0].message, found[0].label, *found[0].notes))
    for part in said.split("|"):
        assert part in told
    assert found[0].help
    span = found[0].span
    line = text_of(given, stages).splitlines()[span.line - 1]
    assert line[span.column - 1 : span.end_column - 1] == guilty


@pytest.mark.parametrize(("given", "stages", "code", "said", "guilty", "make"), ROWS, ids=ids(ROWS))
@pytest.mark.filterwarnings("ignore")  # torch warns before it refuses
def test_what_torch_refuses_has_a_diagnostic_with_the_values(
    given: str, stages: str, code: str, said: str, guilty: str, make: Callable[..., object]
) -> None:
    refused_as_said(given, stages, code, said, guilty)
    with pytest.raises(REFUSALS):
        make(torch.ones(INPUTS[given][1]))


STRICTER: list[Row] = [
    ("picture", "{name: a, type: global_avg_pool}, {type: add, from: [input, a]}", "A0305", "height 1 meets 8", "a", lambda x: x + nn.AdaptiveAvgPool2d(1)(x)),
    ("picture", "{name: a, type: conv, out_channels: 1, kernel_size: 1}, {type: multiply, from: [input, a]}", "A0304", "1 channels meet 4", "a", lambda x: x * nn.Conv2d(4, 1, 1)(x)),
    ("picture", "linear, out_features: 3", "A0309", "linear needs features, a map arrives", "linear", lambda x: nn.Linear(6, 3)(x)),
    ("picture", "chunk, chunks: 3, index: 0", "A0311", "4 channels into 3 leave 1", "3", lambda x: x.chunk(3, 1)[0]),
    ("picture", "adaptive_avg_pool, output_size: 0", "A0104", "`output_size` is out of range", "0", lambda x: nn.AdaptiveAvgPool2d(0)(x)),
    ("picture", "{type: channels_last}, {type: batch_norm}", "A0310", "batch_norm needs channels first", "batch_norm", lambda x: nn.BatchNorm2d(8)(x.permute(0, 2, 3, 1))),
    ("picture", "{type: channels_last}, {type: group_norm, num_groups: 2}", "A0310", "group_norm needs channels first", "group_norm", lambda x: nn.GroupNorm(2, 8)(x.permute(0, 2, 3, 1))),
    ("picture", "{type: channels_last}, {type: max_pool, kernel_size: 2}", "A0310", "a pool needs channels first", "max_pool", lambda x: nn.MaxPool2d(2)(x.permute(0, 2, 3, 1))),
    ("picture", "{type: channels_last}, {type: conv, out_channels: 2, kernel_size: 1}", "A0310", "a convolution needs channels first", "conv", lambda x: nn.Conv2d(8, 2, 1)(x.permute(0, 2, 3, 1))),
    ("picture", "{type: channels_last}, {type: conv_transpose, out_channels: 2, kernel_size: 1}", "A0310", "needs channels first", "conv_transpose", lambda x: nn.ConvTranspose2d(8, 2, 1)(x.permute(0, 2, 3, 1))),
    ("picture", "{type: channels_last}, {type: adaptive_avg_pool, output_size: 1}", "A0310", "needs channels first", "adaptive_avg_pool", lambda x: nn.AdaptiveAvgPool2d(1)(x.permute(0, 2, 3, 1))),
    ("picture", "{type: channels_last}, {type: pad, padding: 1}", "A0310", "pad needs channels first", "pad", lambda x: nn.functional.pad(x.permute(0, 2, 3, 1), (1, 1))),
    ("picture", "{type: channels_last}, {type: upsample, scale_factor: 2}", "A0310", "upsample needs channels first", "upsample", lambda x: nn.Upsample(scale_factor=2)(x.permute(0, 2, 3, 1))),
    ("picture", "{type: channels_last}, {type: local_response_norm, size: 2}", "A0310", "local_response_norm needs channels first", "local_response_norm", lambda x: nn.LocalResponseNorm(2)(x.permute(0, 2, 3, 1))),
    ("picture", "{type: channels_last}, {type: channel_shuffle, groups: 2}", "A0310", "channel_shuffle needs channels first", "channel_shuffle", lambda x: nn.ChannelShuffle(2)(x.permute(0, 2, 3, 1))),
    ("picture", "{type: channels_last}, {type: pixel_shuffle, upscale_factor: 2}", "A0310", "pixel_shuffle needs channels first", "pixel_shuffle", lambda x: nn.PixelShuffle(2)(x.permute(0, 2, 3, 1))),
    ("picture", "{type: channels_last}, {type: dropout, channelwise: true}", "A0301", "channelwise dropout needs a map with its channels first", "true", lambda x: nn.Dropout2d()(x.permute(0, 2, 3, 1))),
    ("picture", "{type: channels_last}, {type: prelu, per_channel: true}", "A0310", "prelu with a slope for each channel needs channels first", "prelu", lambda x: nn.PReLU(8)(x.permute(0, 2, 3, 1))),
    ("picture", "channels_first", "A0310", "the layout is channels_first already", "channels_first", lambda x: x.permute(0, 3, 1, 2)),
    ("picture", "{type: channels_last}, {type: channels_last}", "A0310", "the layout is channels_last already", "channels_last", lambda x: x.permute(0, 2, 3, 1).permute(0, 2, 3, 1)),
    ("picture", "upsample, scale_factor: 1.5", "A0204", "`scale_factor` needs an int", "1.5", lambda x: nn.Upsample(scale_factor=1.5)(x)),
    ("features", "adaptive_avg_pool, output_size: 1", "A0301", "an adaptive pool needs spatial axes", "adaptive_avg_pool", lambda x: nn.AdaptiveAvgPool2d(1)(x)),
    ("features", "global_avg_pool", "A0301", "an adaptive pool needs spatial axes", "global_avg_pool", lambda x: nn.AdaptiveAvgPool2d(1)(x)),
    ("picture", "elu, alpha: 0", "A0104", "`alpha` is out of range", "0", lambda x: nn.ELU(0)(x)),
    ("picture", "batch_norm, momentum: 2", "A0104", "`momentum` is out of range", "2", lambda x: nn.BatchNorm2d(4, momentum=2)(x)),
    ("picture", "layer_norm, eps: -1", "A0104", "`eps` is out of range", "-1", lambda x: nn.LayerNorm(6, eps=-1)(x)),
    ("picture", "rms_norm, eps: 0", "A0104", "`eps` is out of range", "0", lambda x: nn.RMSNorm(6, eps=0)(x)),
    ("picture", "softplus, beta: 0", "A0104", "`beta` is out of range", "0", lambda x: nn.Softplus(0)(x)),
    ("picture", "stochastic_depth, p: 2", "A0104", "`p` is out of range", "2", lambda x: x),
    ("features", "dropout, channelwise: true", "A0301", "channelwise dropout needs a map", "true", lambda x: nn.Dropout1d()(x)),
    ("picture", "conv, out_channels: 4, kernel_size: 3, bias: 1", "A0103", "`bias` needs a bool", "1", lambda x: nn.Conv2d(4, 4, 3, bias=1)(x)),
]  # fmt: skip
"""Where archc refuses on purpose what torch takes: sums that broadcast, maps of other layouts, empty maps, numbers that are no bool."""


@pytest.mark.parametrize(("given", "stages", "code", "said", "guilty", "make"), STRICTER, ids=ids(STRICTER))
@pytest.mark.filterwarnings("ignore")  # torch warns of what it takes
def test_what_archc_alone_refuses(
    given: str, stages: str, code: str, said: str, guilty: str, make: Callable[..., object]
) -> None:
    refused_as_said(given, stages, code, said, guilty)
    make(torch.ones(INPUTS[given][1]))


def test_every_primitive_that_can_refuse_has_a_row() -> None:
    """But for those whose fields are a number without bounds, a bool, or none, and whose input may be anything."""
    stages = " ".join(row[1] for row in (*ROWS, *STRICTER))
    free = {name for name, primitive in PRIMITIVES.items() if all(p.kind == "bool" for p in primitive.params)}
    rowless = {name for name in PRIMITIVES if not re.search(rf"\b{name}\b", stages)}
    assert rowless <= free | {"scale"}
