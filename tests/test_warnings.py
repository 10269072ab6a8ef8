"""Warnings: each rule finds its mistakes and nothing else, comments silence, and errors alone decide."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import random_spec

import archc
from archc.api import load_with
from archc.cli import main
from archc.cli.validate import tally
from archc.diagnostics import CODES, SourceFile
from archc.lint import RULES
from archc.lint.activations import OF_LOGITS
from archc.lint.ignore import read
from archc.lint.unused import can_become
from archc.source import comments, parse
from archc.spec.load import shipped_specs
from archc.spec.losses import LOSSES

ROOT = Path(__file__).resolve().parent.parent
PICTURE = "archc: 1\nname: net\ninput: {channels: 4, height: 32, width: 32}\n"
FEATURES = "archc: 1\nname: net\ninput: {features: 8}\n"
FREE = "archc: 1\nname: net\ninput: {channels: 4, height: {min: 8, default: 32}, width: {min: 8, default: 32}}\n"


def check(text: str) -> list[archc.Diagnostic]:
    return load_with("-", [], text.encode()).check()


def found(text: str) -> list[tuple[str, int, int]]:
    return [(one.code, one.span.line, one.span.column) for one in check(text)]


def stages(*rows: str, head: str = PICTURE, more: str = "") -> str:
    """A spec; its first stage stands on line 5, or below what `more` says."""
    return f"{head}{more}stages:\n" + "".join(f"  - {row}\n" for row in rows)


def block(*rows: str, use: str = "{type: b}", params: str = "", head: str = PICTURE) -> str:
    """A spec with one stage, of a block whose first stage stands on line 6."""
    return (
        head
        + f"blocks:\n  b: {{{params}stages: [\n"
        + "".join(f"    {row},\n" for row in rows)
        + f"  ]}}\nstages:\n  - {use}\n"
    )


CONV = "{type: conv, out_channels: 8, kernel_size: 3, padding: 1}"
BARE = "{type: conv, out_channels: 8, kernel_size: 3, padding: 1, bias: false}"
FC = "{type: linear, out_features: 8}"
NORM, RELU, DROP = "{type: batch_norm}", "{type: relu}", "{type: dropout}"
NARROW = "{type: conv_norm_act, out_channels: 1, kernel_size: 1}"

ALARMS = {
    "A0901": [
        (stages(CONV, NORM), 5, 12),
        (stages(FC, NORM, head=FEATURES), 5, 12),
        (stages("{type: conv_transpose, out_channels: 8, kernel_size: 2, stride: 2}", NORM), 5, 12),
        (stages(CONV, "{type: group_norm, num_groups: 8}"), 5, 12),
        (stages("{stages: [" + CONV + ", " + NORM + "], repeat: 3}"), 5, 22),
        (block(CONV, NORM), 6, 12),
        (stages("{name: a, stages: [" + CONV + "]}", NORM), 5, 31),
    ],
    "A0902": [
        (stages("{type: conv, out_channels: 4, kernel_size: 3, stride: 2}"), 5, 59),
        (stages("{type: max_pool, kernel_size: 3}"), 5, 35),
        (stages("{type: avg_pool, kernel_size: 20}"), 5, 35),
        (stages("{type: max_pool, kernel_size: [2, 5], stride: [2, 4]}"), 5, 51),
        (stages("{type: conv, out_channels: 4, kernel_size: 2, dilation: 2, stride: 3}"), 5, 72),
        (stages("{type: pad, padding: [0, 1, 0, 0]}", "{type: transition}"), 6, 12),
        (block("{type: max_pool, kernel_size: $k}", use="{type: b, k: 3}", params="params: {k: 2}, "), 9, 18),
    ],
    "A0903": [
        (stages(NORM, NORM), 6, 12),
        (stages("{type: conv_norm_act, out_channels: 8, act: none}", "{type: layer_norm}"), 6, 12),
        (stages("{type: group_norm, num_groups: 2}", "{type: rms_norm}"), 6, 12),
        (stages(NORM, "{type: transition}"), 6, 12),
    ],
    "A0904": [
        (stages(RELU, RELU), 6, 12),
        (stages("{type: conv_norm_act, out_channels: 8}", "{type: gelu}"), 6, 12),
        (stages("{type: residual, out_channels: 8}", RELU), 6, 12),
        (stages("{type: prelu}", "{type: tanh}"), 6, 12),
        (stages(RELU, "{type: softmax}"), 6, 12),
        (stages("{type: softmax}", "{type: softmax}"), 6, 12),
        (stages("{stages: [" + BARE + ", " + RELU + "]}", RELU), 6, 12),
    ],
    "A0905": [
        (stages(DROP, NORM, RELU), 5, 12),
        (stages(FC, "{type: dropout, p: 0.1}", NORM, RELU, head=FEATURES), 6, 12),
        (stages(BARE, DROP, "{type: transition}"), 6, 12),
    ],
    "A0906": [
        (stages(FC, RELU, head=FEATURES), 6, 12),
        (stages(FC, DROP, head=FEATURES), 6, 12),
        (stages("{stages: [" + FC + ", {type: gelu}]}", head=FEATURES), 5, 55),
        (stages("{name: a, type: linear, out_features: 2}", "{name: r, type: leaky_relu}",
                "{name: b, from: a, type: linear, out_features: 2}", head=FEATURES).replace("from: a, ", "from: input, ")
         + "outputs: [r, b]\n", 6, 21),
    ],
    "A0907": [
        (stages(RELU, more="blocks: {b: {stages: [{type: gelu}]}}\n"), 4, 10),
        (stages("{name: b, type: c}", more="blocks:\n  c: {stages: [{type: gelu}]}\n  b: {stages: [{type: c}]}\n"), 6, 3),
        (stages("{type: conv_norm_act, out_channels: 4, act: c}", more="blocks: {c: {stages: [{type: gelu}]}, b: {stages: [{type: c}]}}\n"), 4, 39),
        (stages(RELU, more="params: {n: 2}\nblocks: {b: {stages: [{type: gelu, repeat: 2}]}}\nexpect: {'0': ['${2 * n}', 32, 32]}\n"), 5, 10),
    ],
    "A0908": [
        (stages(RELU, more="params: {width: 8}\n"), 4, 10),
        (block(RELU, use="{type: b, n: 3}", params="params: {n: 2}, "), 5, 16),
        (stages(RELU, more="params: {a: 8, b: $a}\n"), 4, 16),
        (stages("{type: b}", more="params: {n: 1}\nblocks: {b: {params: {n: 2}, stages: [{type: relu, repeat: $n, name: r}]}}\n").replace("{n: 2}", "{n: 1}"), 4, 10),
    ],
    "A0909": [
        (stages(RELU, more="defaults: {conv: {bias: false}}\n"), 4, 12),
        (stages(CONV, more="defaults: {residual: {act: silu}}\n"), 4, 12),
        (stages("{type: vgg, inline: true, out_channels: 8}", more="defaults: {relu: {}, gelu: {approximate: tanh}}\n"), 4, 22),
    ],
    "A0910": [
        (stages(RELU, more="init: {conv: {weight: zeros}}\n"), 4, 8),
        (stages(CONV, more="init: {conv: {weight: zeros}, linear: {bias: zeros}}\n"), 4, 31),
        (stages(FC, more="init: {prelu: {weight: zeros}}\n", head=FEATURES), 4, 8),
    ],
    "A0911": [
        (stages("{type: dropout, p: 0}"), 5, 24),
        (stages("{type: stochastic_depth, p: 0.0}"), 5, 33),
        (stages("{type: upsample, scale_factor: 1}"), 5, 36),
        (stages("{type: pad, padding: [0, 0, 0, 0]}"), 5, 26),
        (stages("{type: chunk, chunks: 1, index: 0}"), 5, 27),
        (stages("{type: channel_shuffle, groups: 1}"), 5, 37),
        (stages("{type: pixel_shuffle, upscale_factor: 1}"), 5, 43),
        (stages("{type: max_pool, kernel_size: 1}"), 5, 35),
        (stages("{type: avg_pool, kernel_size: 1, stride: 1}"), 5, 35),
    ],
    "A0912": [
        (stages(NARROW, "{type: softmax}").replace("_norm_act", ""), 6, 12),
        (stages("{type: linear, out_features: 1}", "{type: log_softmax}", head=FEATURES), 6, 12),
        (stages("{type: conv, out_channels: 1, kernel_size: 1}", "{type: layer_norm}"), 6, 12),
        (stages("{type: global_avg_pool}", "{type: group_norm, num_groups: 4}"), 6, 36),
        (stages("{type: dropout, p: 1}"), 5, 24),
        (stages("{type: stochastic_depth, p: $p}", more="params: {p: 1.0}\n"), 6, 33),
    ],
    "A0913": [
        (stages("{type: global_avg_pool}", CONV), 6, 48),
        (stages("{type: adaptive_avg_pool, output_size: 2}", CONV.replace("3, padding: 1", "5, padding: 2")), 6, 48),
        (stages("{type: adaptive_avg_pool, output_size: 1}", "{type: residual, out_channels: 8}"), 6, 12),
        (stages("{type: conv, out_channels: 8, kernel_size: 3, dilation: 36, padding: 36}"), 5, 48),
    ],
    "A0914": [
        (stages("{type: adaptive_avg_pool, output_size: 40}"), 5, 44),
        (stages("{type: global_avg_pool}", "{type: adaptive_max_pool, output_size: 7}"), 6, 44),
        (stages("{type: adaptive_avg_pool, output_size: [16, 33]}"), 5, 44),
    ],
    "A0915": [
        (stages(FC, FC, head=FEATURES), 6, 12),
        (stages("{type: linear, out_features: 64}", DROP, "{type: linear, out_features: 4}", head=FEATURES), 7, 12),
        (stages("{type: channels_last}", FC, FC, "{type: channels_first}"), 7, 12),
        (stages("{stages: [" + FC + "]}", FC, head=FEATURES), 6, 12),
    ],
}  # fmt: skip
"""Code -> specs with that one warning, its line and its column."""

CLEAN = {
    "A0901": [
        stages(BARE, NORM),
        stages(CONV.replace("}", ", bias: true}"), NORM),
        stages(CONV, NORM, more="defaults: {conv: {bias: true}}\n"),
        stages("{type: residual, out_channels: 4, bias: true}"),
        stages("{type: vgg, out_channels: 8, norm: batch_norm}"),
        stages(CONV, "{type: layer_norm}"),
        stages(CONV, "{type: group_norm, num_groups: 2}"),
        stages(CONV, RELU, NORM),
        stages("{name: a, " + CONV[1:], NORM, "{type: add, from: [a, '1']}").replace("from: [a, '1']", "from: [a, n]").replace("- {type: batch_norm}", "- {name: n, type: batch_norm}"),
        stages("{name: a, " + CONV[1:], "{name: n, type: batch_norm}") + "outputs: [a, n]\n",
    ],
    "A0902": [
        stages("{type: conv, out_channels: 4, kernel_size: 3, stride: 2, padding: 1}"),
        stages("{type: conv, out_channels: 4, kernel_size: 1, stride: 2}"),
        stages("{type: conv, out_channels: 4, kernel_size: 2, stride: 3}"),
        stages("{type: max_pool, kernel_size: 3, stride: 2, ceil_mode: true}"),
        stages("{type: max_pool, kernel_size: 2}"),
        stages("{type: max_pool, kernel_size: 3}", head=FREE),
        stages("{type: conv, out_channels: 4, kernel_size: 11, stride: 4, padding: 2}").replace("32", "224"),
        stages("{type: conv, out_channels: 4, kernel_size: 7, stride: 2, padding: 3}", "{type: max_pool, kernel_size: 3, stride: 2, padding: 1}").replace("32", "224"),
        stages("{type: bottleneck, width: 4, stride: 2}"),
        stages("{type: conv_transpose, out_channels: 4, kernel_size: 3, stride: 2}"),
    ],
    "A0903": [
        stages(NORM, RELU, NORM),
        stages("{name: n, type: batch_norm}", "{name: m, type: layer_norm}", "{type: add, from: [n, m]}"),
        stages("{type: local_response_norm, size: 2}", NORM),
        stages("{name: n, type: batch_norm}", "{name: m, type: layer_norm}") + "outputs: [n, m]\n",
    ],
    "A0904": [
        stages(RELU, BARE, RELU),
        stages("{type: softplus}", "{name: t, type: tanh}", "{type: multiply, from: [t, input]}"),
        stages("{type: hardtanh, min_val: -10, max_val: 10}", "{type: softmax}"),
        stages(RELU, "{type: hardtanh, min_val: 0, max_val: 20}"),
        stages("{type: leaky_relu}", "{type: softmax}"),
        stages("{name: a, type: relu}", "{name: b, type: sigmoid}", "{type: multiply, from: [a, b]}"),
        stages(RELU, "{type: max_pool, kernel_size: 2}", "{type: gelu}"),
    ],
    "A0905": [
        stages(NORM, RELU, DROP),
        stages(DROP, BARE, NORM),
        stages(DROP, "{type: dense, growth: 4}"),
        stages(DROP, "{type: layer_norm}"),
        stages("{type: dropout, p: $p}", NORM, more="params: {p: 0.0}\n"),
        stages("{name: d, type: dropout}", "{name: n, type: batch_norm}", "{type: add, from: [d, n]}"),
    ],
    "A0906": [
        stages(FC, "{type: sigmoid}", head=FEATURES),
        stages(FC, "{type: softmax}", head=FEATURES),
        stages(FC, "{type: tanh}", head=FEATURES),
        stages(BARE, RELU),
        stages("{name: a, type: linear, out_features: 8}", "{name: r, type: relu}", "{name: b, type: linear, out_features: 2}", head=FEATURES) + "outputs: [r, b]\n",
    ],
    "A0907": [
        stages("{type: b}", more="blocks: {b: {stages: [{type: gelu}]}}\n"),
        stages(RELU, "{type: b, when: $on}", more="params: {on: false}\nblocks: {b: {stages: [{type: gelu}]}}\n"),
        stages("{type: conv_norm_act, out_channels: 4, act: b}", more="blocks: {b: {stages: [{type: gelu}]}}\n"),
        stages("{type: conv_norm_act, out_channels: 4}", more="defaults: {conv_norm_act: {act: b}}\nblocks: {b: {stages: [{type: gelu}]}}\n"),
        stages("{type: \"${'a' if n > 1 else 'b'}\"}", more="params: {n: 1}\nblocks: {a: {stages: [{type: gelu}]}, b: {stages: [{type: relu}]}}\n"),
        stages('{type: "b_${n}"}', more="params: {n: 1}\nblocks: {b_1: {stages: [{type: gelu}]}, b_2: {stages: [{type: relu}]}}\n"),
        stages("{type: $kind}", more="params: {kind: b}\nblocks: {a: {stages: [{type: gelu}]}, b: {stages: [{type: relu}]}}\n"),
        stages("{type: conv_norm_act, out_channels: 4, act: $act}", more="params: {act: {type: block, default: relu}}\nblocks: {b: {stages: [{type: gelu}]}}\n"),
        stages("{type: c}", more="blocks: {b: {stages: [{type: gelu}]}, c: {stages: [{type: b}]}}\n"),
    ],
    "A0908": [
        stages(RELU, more="params: {n: 32}\n").replace("height: 32", "height: $n"),
        stages("{type: relu, repeat: $n}", more="params: {n: 1}\n"),
        stages(RELU, more="params: {n: 4}\nexpect: {'0': [$n, 32, 32]}\n"),
        stages(RELU, more="params: {n: 1e9}\nbudget: {macs: $n}\n"),
        stages("{type: conv, out_channels: $b, kernel_size: 1}", more="params: {a: 4, b: '${2 * a}'}\n"),
        stages(CONV, more="params: {s: 0.1}\ninit: {conv: {weight: {type: normal, std: $s}}}\n"),
        stages("{type: conv_norm_act, out_channels: 4}", more="params: {e: 1e-3}\ndefaults: {batch_norm: {eps: $e}}\n"),
        stages(RELU, "{name: 'x${i + n}', type: dropout, repeat: 2, inline: true}", more="params: {n: 1}\n"),
        block("{type: relu, when: '${n > 1}'}", "{type: gelu}", use="{type: b}", params="params: {n: 1}, "),
    ],
    "A0909": [
        stages("{type: conv_norm_act, out_channels: 8}", more="defaults: {batch_norm: {eps: 1e-3}, conv_norm_act: {names: {norm: bn}}}\n"),
        stages("{type: inverted_residual, out_channels: 4, squeeze: 0}", more="defaults: {squeeze_excite: {gate: hardsigmoid}}\n"),
        stages("{type: vgg, inline: true, out_channels: 8}", more="defaults: {vgg: {norm: batch_norm}}\n"),
        stages(RELU, "{type: dropout, when: $on}", more="params: {on: false}\ndefaults: {dropout: {p: 0.1}}\n"),
        stages("{type: conv_norm_act, out_channels: 8, norm: $norm}", more="params: {norm: {type: block, default: batch_norm}, eps: 1e-3}\ndefaults: {batch_norm: {eps: $eps}}\n"),
    ],
    "A0910": [
        stages("{type: residual, out_channels: 8}", more="init: {conv: {weight: zeros}, batch_norm: {weight: ones}}\n"),
        stages(RELU, "{type: linear, out_features: 2, when: $on}", more="params: {on: false}\ninit: {linear: {bias: zeros}}\n", head=FEATURES),
        stages("{type: conv_norm_act, out_channels: 8, norm: none}", more="init: {batch_norm: {weight: ones}}\n"),
    ],
    "A0911": [
        stages("{type: dropout, p: $p}", more="params: {p: 0.0}\n"),
        stages("{type: max_pool, kernel_size: 1, stride: 2}"),
        stages("{type: upsample, scale_factor: [1, 2]}"),
        stages("{type: pad, padding: [0, 1, 0, 0]}"),
        block("{type: channel_shuffle, groups: $g}", use="{type: b, g: 1}", params="params: {g: 2}, "),
        stages("{type: max_pool, kernel_size: 1, stride: $s}", more="params: {s: 1}\n"),
    ],
    "A0912": [
        stages("{type: softmax}"),
        stages("{type: conv, out_channels: 1, kernel_size: 1}", "{type: sigmoid}"),
        stages("{type: group_norm, num_groups: 4}"),
        stages("{type: global_avg_pool}", "{type: group_norm, num_groups: 2}"),
        stages("{type: conv, out_channels: 1, kernel_size: 1}", "{type: rms_norm}"),
    ],
    "A0913": [
        stages("{type: conv, out_channels: 4, kernel_size: 7, padding: 3}"),
        stages("{type: global_avg_pool}", "{type: conv, out_channels: 4, kernel_size: 1}"),
        stages("{type: adaptive_avg_pool, output_size: 2}", CONV),
        stages("{type: adaptive_avg_pool, output_size: 3}", CONV.replace("3, padding: 1", "5, padding: 2")),
        stages("{type: conv, out_channels: 8, kernel_size: 3, dilation: 12, padding: 12}"),
        stages("{type: conv, out_channels: 4, kernel_size: 3, stride: 2, padding: 1}", CONV),
    ],
    "A0914": [
        stages("{type: adaptive_avg_pool, output_size: 7}"),
        stages("{type: adaptive_avg_pool, output_size: 32}"),
        stages("{type: adaptive_max_pool, output_size: 64}", head=FREE),
    ],
    "A0915": [
        stages(FC, RELU, FC, head=FEATURES),
        stages("{type: linear, out_features: 2}", FC, head=FEATURES),
        stages("{name: a, type: linear, out_features: 8}", "{name: b, type: linear, out_features: 8}", "{type: add, from: [a, b]}", head=FEATURES),
        stages("{name: a, type: linear, out_features: 8}", "{name: b, type: linear, out_features: 8}", head=FEATURES) + "outputs: [a, b]\n",
    ],
}  # fmt: skip
"""Code -> specs without that warning, though they are like ones with it."""


def rows(table: dict[str, list]) -> list:  # type: ignore[type-arg]
    return [pytest.param(code, row, id=f"{code}-{at}") for code, given in table.items() for at, row in enumerate(given)]


@pytest.mark.parametrize(("code", "row"), rows(ALARMS))
def test_a_rule_finds_its_mistake_once(code: str, row: tuple[str, int, int]) -> None:
    text, line, column = row
    assert found(text) == [(code, line, column)]


@pytest.mark.parametrize(("code", "text"), rows(CLEAN))
def test_a_rule_gives_no_false_alarm(code: str, text: str) -> None:
    assert code not in {one.code for one in check(text)}
    assert [one for one in check(text) if one.severity == "error"] == []


def test_every_rule_has_its_code_and_enough_rows() -> None:
    warnings = {code for code, entry in CODES.items() if code.startswith("A09") and entry.severity == "warning"}
    assert warnings == {*RULES, "A0920", "A0921"}
    assert {*ALARMS} == {*CLEAN} == {*RULES}
    assert min(map(len, [*ALARMS.values(), *CLEAN.values()])) >= 3


def test_the_other_op_is_labelled() -> None:
    (one,) = check(stages(CONV, NORM))
    assert [(label.span.line, label.text) for label in one.labels] == [
        (6, "takes each channel's mean away, and the bias with it")
    ]


def test_a_warning_inside_a_block_points_at_the_use_too() -> None:
    (one,) = check(block(CONV, NORM))
    assert one.path == "0.0"
    assert "`b` is used here" in [label.text for label in one.labels]
    (one,) = check(stages("{type: global_avg_pool}", "{type: residual, out_channels: 8}"))
    assert (one.span.line, one.labels[-1].span.file.name) == (6, "archc/blocks/residual.yaml")


@pytest.mark.parametrize(
    ("loss", "label", "codes"),
    [
        ("mse", "{type: float, shape: [4]}", []),
        ("bce_with_logits", "one_hot", ["A0906"]),
        ("cross_entropy", "class_index", ["A0906"]),
        ("{type: cross_entropy}", "class_index", ["A0906"]),
    ],
)
def test_an_output_that_is_no_logit_may_end_in_an_activation(loss: str, label: str, codes: list[str]) -> None:
    train = (
        f"data: {{type: synthetic, features: 8, classes: 4}}, label: {label}, loss: {loss}, batch_size: 8, epochs: 1"
    )
    more = f"train: {{{train}, optimizer: {{type: sgd, lr: 0.1}}}}\n"
    text = stages("{type: linear, out_features: 4}", RELU, head=FEATURES, more=more)
    if not codes:
        text = text.replace(", classes: 4", "")
    assert [one.code for one in check(text)] == codes


@pytest.mark.parametrize(
    ("train", "codes"),
    [
        ("loss: cross_entropy", ["A0906"]),
        ("label: one_hot", ["A0906"]),
        ("loss: nll", []),
        (None, []),
    ],
)
def test_a_log_softmax_is_one_too_many_before_cross_entropy_alone(train: str | None, codes: list[str]) -> None:
    rest = "data: {type: synthetic, features: 8, classes: 4}, batch_size: 8, epochs: 1, optimizer: {type: sgd, lr: 0.1}"
    more = f"train: {{{train}, {rest}}}\n" if train is not None else ""
    text = stages("{type: linear, out_features: 4}", "{type: log_softmax}", head=FEATURES, more=more)
    assert [one.code for one in check(text)] == codes


def test_losses_of_logits_are_those_of_the_language() -> None:
    assert {name for name, loss in LOSSES.items() if loss.takes == "logits"} == OF_LOGITS


def test_text_that_is_expanded_often_is_reported_once() -> None:
    (one,) = check(block(CONV, NORM, RELU, use="{type: b, repeat: 5}"))
    assert one.notes == ("and at 4 more stages made of the same text",)


def test_unread_rows_name_sizes_that_have_none() -> None:
    text = stages("{type: max_pool, kernel_size: 3, stride: 2}")
    (one,) = check(text)
    assert one.help.endswith("a height of 31 or 33")
    for size in (31, 33):
        assert check(text.replace("height: 32, width: 32", f"height: {size}, width: {size}")) == []


def test_unread_rows_are_those_that_no_output_depends_on() -> None:
    """Counted from the windows themselves, for every small pool and convolution."""
    for size in range(1, 12):
        for kernel in range(1, 5):
            for stride in range(1, 5):
                for padding in range(kernel // 2 + 1):
                    if size + 2 * padding < kernel:
                        continue
                    starts = range(-padding, size + padding - kernel + 1, stride)
                    read = {row for start in starts for row in range(start, start + kernel)}
                    at_the_end = size - 1 not in read and kernel >= stride
                    fields = f"kernel_size: {kernel}, stride: {stride}, padding: {padding}"
                    head = f"archc: 1\nname: net\ninput: {{channels: 1, length: {size}}}\n"
                    text = stages(f"{{type: max_pool, {fields}}}", head=head)
                    assert ("A0902" in {one.code for one in check(text)}) == at_the_end, text


def test_kernels_on_padding_are_those_whose_weights_get_no_gradient() -> None:
    torch = pytest.importorskip("torch")
    for size in range(1, 7):
        for kernel, stride, padding, dilation in [
            (3, 1, 1, 1),
            (3, 2, 1, 1),
            (5, 1, 2, 1),
            (5, 2, 2, 1),
            (3, 1, 4, 4),
            (7, 3, 3, 1),
        ]:
            conv = torch.nn.Conv2d(1, 1, kernel, stride, padding, dilation, bias=False)
            conv(torch.ones(1, 1, size, size)).sum().backward()
            live = int((conv.weight.grad != 0).sum())
            fields = f"kernel_size: {kernel}, stride: {stride}, padding: {padding}, dilation: {dilation}"
            head = f"archc: 1\nname: net\ninput: {{channels: 1, height: {size}, width: {size}}}\n"
            alarms = [
                one
                for one in check(stages(f"{{type: conv, out_channels: 1, {fields}}}", head=head))
                if one.code == "A0913"
            ]
            assert bool(alarms) == (2 * live < kernel**2)
            assert all(f", {live} of {kernel**2} weights" in one.label for one in alarms)


@pytest.mark.parametrize(
    ("parts", "word", "can"),
    [
        (("b_", 0), "b_2", True),
        ((0, "_b"), "x_b", True),
        (("a", 0, "b", 0, "c"), "axbyc", True),
        (("a", 0, "b", 0, "c"), "abc", True),
        (("ab", 0, "bc"), "abc", False),
        (("a", 0, "b", 0, "c"), "acb", False),
        (("x", 0), "b_2", False),
    ],
)
def test_what_a_text_of_expressions_can_become(parts: tuple[object, ...], word: str, can: bool) -> None:
    assert can_become(parts, word) is can


# -- comments ---------------------------------------------------------------------------------------------------------

COMMENTS = """a: |  # archc: head
  x # no

# archc: alone
b: "q # no" # archc: quoted
c: [1,#archc: without a space
 2] # archc: flow
d: >-
  \u00e9\u65e5\u672c #no
# archc: folded
e: plain
  more # archc: plain
f: 'it''s # no'# archc: single
g: a#b
h: |+
  text

  # no

# archc: kept
i: "\u65e5" # archc: wide
"""


@pytest.mark.parametrize("breaks", ["\n", "\r\n", "\u2028"])
def test_comments_are_told_from_text(breaks: str) -> None:
    file = SourceFile("x", COMMENTS.replace("\n", breaks))
    lines = file.lines()
    texts = [lines[span.line - 1][span.column - 1 : span.end_column - 1] for span in comments(file)]
    wanted = ["head", "alone", "quoted", "without a space", "flow", "folded", "plain", "single", "kept", "wide"]
    assert [text.removeprefix("#").strip().removeprefix("archc: ") for text in texts] == wanted


def emptied(text: str) -> str:
    """`text` with nothing left of its comments but their `#`."""
    file = SourceFile("x", text)
    lines = file.lines()
    for span in comments(file):
        line = lines[span.line - 1]
        assert line[span.column - 1] == "#"
        lines[span.line - 1] = line[: span.column]
    return "\n".join(lines)


@pytest.mark.parametrize("text", [COMMENTS, *(path.read_text(encoding="utf-8") for path in shipped_specs().values())])
def test_a_text_with_every_comment_emptied_says_the_same(text: str) -> None:
    assert emptied(text) != text or "#" not in text
    assert plain(emptied(text)) == plain(text)


@given(st.text("#'\"|>-+:!&* \n\tab1[]{},\\é日\U0001f600", max_size=60).map(lambda text: f"a: {text}"))
@settings(max_examples=600, deadline=None)
def test_comments_of_any_text_are_exact(text: str) -> None:
    """Emptied, the text says the same; with something else behind each `#`, too."""
    tree, faults = parse(SourceFile("x", text))
    if tree is not None and not faults:
        assert plain(emptied(text)) == plain(text)
        assert plain(emptied(text).replace("#", "# ' x") if comments_only(text) else text) == plain(text)


def comments_only(text: str) -> bool:
    """Whether every `#` of a text is the first of a comment."""
    return len(list(comments(SourceFile("x", text)))) == emptied(text).count("#")


def plain(text: str) -> object:
    tree, faults = parse(SourceFile("x", text))
    assert tree is not None
    assert faults == []
    return archc.api.plain(tree)


TWICE = "{name: a, type: relu}", "{name: b, type: relu}"
IGNORED = [
    ("on the line", stages(TWICE[0], TWICE[1] + "  # archc: ignore[A0904] why")),
    ("alone before it", stages(TWICE[0], "\n# archc: ignore[A0904] why\n\n  # more\n  - " + TWICE[1]).replace("  - \n", "")),
    ("one of several", stages(TWICE[0], TWICE[1] + "  # archc: ignore[A0904] why") + "# archc\n"),
    ("behind another comment", stages(TWICE[0], TWICE[1] + "  # as published # archc: ignore[A0904] why")),
    ("without spaces", stages(TWICE[0], TWICE[1] + " #archc:ignore[A0904]: why")),
    ("on a line of several", stages(TWICE[0], "{name: b,\n     type: relu,  # archc: ignore[A0904] why\n     repeat: 1}")),
    ("at the definition", block(CONV, NORM).replace("1},", "1},  # archc: ignore[A0901] why")),
    ("at the use", block(CONV, NORM, use="{type: b}  # archc: ignore[A0901] why")),
    ("at the use of a block that ships", stages("{type: global_avg_pool}", "{type: residual, out_channels: 8}  # archc: ignore[A0913] why")),
    ("at the argument", block("{type: max_pool, kernel_size: $k}", use="{type: b,\n     k: 3}  # archc: ignore[A0902] why", params="params: {k: 2}, ")),
    ("two codes", stages(CONV, NORM + "  # archc: ignore[A0903,A0904] why", NORM, RELU, RELU).replace("  # archc: ignore[A0903,A0904] why", "").replace(CONV, BARE)
     .replace("- {type: batch_norm}\n  - {type: relu}", "- {type: batch_norm}  # archc: ignore[A0903] why\n  - {type: relu}", 1).replace("- {type: relu}\n  - {type: relu}\n", "- {type: relu}\n  - {type: relu}  # archc: ignore[A0904] why\n")),
    ("two codes on one line", stages("{stages: [" + NORM + ", " + NORM + ", " + RELU + ", " + RELU + "]}  # archc: ignore[A0903, A0904] why")),
]  # fmt: skip


@pytest.mark.parametrize("text", [row[1] for row in IGNORED], ids=[row[0] for row in IGNORED])
def test_a_comment_silences_the_code_on_its_line(text: str) -> None:
    assert check(text) == []
    assert check(re.sub(r"# *archc: *ignore.*", "", text)) != []


NOT_IGNORED = [
    ("another line", stages(TWICE[0] + "  # archc: ignore[A0904] why", TWICE[1]), ["A0921", "A0904"]),
    ("another code", stages(TWICE[0], TWICE[1] + "  # archc: ignore[A0903] why"), ["A0904", "A0921"]),
    ("a quoted text", stages(TWICE[0], "{type: relu, doc: ' # archc: ignore[A0904] why'}"), ["A0904"]),
    ("nothing to silence", stages(RELU + "  # archc: ignore[A0904] why"), ["A0921"]),
    ("one of two codes", stages(TWICE[0], TWICE[1] + "  # archc: ignore[A0904, A0901] why"), ["A0921"]),
    ("no reason", stages(TWICE[0], TWICE[1] + "  # archc: ignore[A0904]"), ["A0920"]),
    ("no reason but a dash", stages(TWICE[0], TWICE[1] + "  # archc: ignore[A0904] -"), ["A0920"]),
    ("no code", stages(TWICE[0], TWICE[1] + "  # archc: ignore[] why"), ["A0904", "A0920"]),
    ("no bracket", stages(TWICE[0], TWICE[1] + "  # archc: ignore A0904"), ["A0904", "A0920"]),
    ("unknown code", stages(RELU + "  # archc: ignore[A0999] why"), ["A0920"]),
    ("an error's code", stages(RELU + "  # archc: ignore[A0304] why"), ["A0920"]),
    ("a name", stages(TWICE[0], TWICE[1] + "  # archc: ignore[consecutive-activations] why"), ["A0904", "A0920"]),
    ("itself", stages(RELU + "  # archc: ignore[A0921, A0920] why"), ["A0920", "A0920"]),
    ("one use of two", block(CONV, NORM, RELU, use="{type: b}  # archc: ignore[A0901] why\n  - {type: b}"), ["A0901"]),
    ("an error", stages("{type: rleu}  # archc: ignore[A0105] why"), ["A0105", "A0920"]),
]


@pytest.mark.parametrize(("text", "codes"), [row[1:] for row in NOT_IGNORED], ids=[row[0] for row in NOT_IGNORED])
def test_comments_that_silence_nothing_are_warned_of(text: str, codes: list[str]) -> None:
    assert [one.code for one in check(text)] == codes


def test_the_way_out_of_a_wrong_comment_is_named() -> None:
    helps = [one.help for one in check(stages(RELU + "  # archc: ignore[consecutive-norms, A0304, a0903] why"))]
    assert helps == ["write `A0903`", "mend what it says, and remove it here", "did you mean `A0903`?"]


def test_a_setting_does_not_make_a_comment_unused() -> None:
    text = stages("{type: max_pool, kernel_size: $k}  # archc: ignore[A0902] why", more="params: {k: 3}\n")
    assert check(text) == []
    assert load_with("-", ["k=2"], text.encode()).check() == []


def test_a_text_without_such_comments_is_not_read_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archc.lint.ignore.comments", lambda file: pytest.fail("read again"))
    assert check(stages(RELU + "  # a comment", more="# archc: 1\n")) == []
    assert list(read(SourceFile("x", "a: 1 # ignored"))) == []


# -- variants ---------------------------------------------------------------------------------------------------------


def variant(folder: Path, base: str, text: str) -> list[archc.Diagnostic]:
    (folder / "base.yaml").write_text(base, encoding="utf-8")
    (folder / "net.yaml").write_text("archc: 1\nextends: base.yaml\nname: net\n" + text, encoding="utf-8")
    return archc.load(folder / "net.yaml").check()


def test_what_a_variant_inherits_is_labelled_and_silenced_at_extends(tmp_path: Path) -> None:
    (one,) = variant(tmp_path, stages(*TWICE), "")
    assert Path(one.span.file.name).name == "base.yaml"
    assert [(label.text, label.span.line) for label in one.labels[-1:]] == [("extended here", 2)]
    (tmp_path / "net.yaml").write_text("archc: 1\nextends: base.yaml  # archc: ignore[A0904] why\nname: net\n")
    assert archc.load(tmp_path / "net.yaml").check() == []


def test_comments_of_the_extended_spec_hold_and_are_not_called_unused(tmp_path: Path) -> None:
    base = stages(TWICE[0], TWICE[1] + "  # archc: ignore[A0904] why")
    assert variant(tmp_path, base, "") == []
    assert variant(tmp_path, base, "upto: a\n") == []


def test_what_a_variant_does_not_use_of_its_base_is_not_its_mistake(tmp_path: Path) -> None:
    head = (
        PICTURE
        + "params: {n: 4}\nblocks: {b: {stages: [{type: gelu}]}}\ndefaults: {conv: {bias: true}}\ninit: {conv: {weight: zeros}}\n"
    )
    base = (
        head
        + "stages:\n  - {name: a, type: relu}\n  - {name: c, type: conv, out_channels: $n, kernel_size: 1}\n  - {type: b}\n"
    )
    assert variant(tmp_path, base, "upto: a\n") == []
    assert [one.code for one in variant(tmp_path, base, "upto: a\nparams: {n: 8}\n")] == ["A0908"]


# -- commands and formats ---------------------------------------------------------------------------------------------

WARNED = stages(*TWICE)
BROKEN = stages("{type: rleu}")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    Path("warned.yaml").write_text(WARNED)
    Path("broken.yaml").write_text(BROKEN)
    Path("clean.yaml").write_text(stages(RELU))
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    code = main(list(args))
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize(
    ("args", "code", "last"),
    [
        (["clean.yaml"], 0, "1 file checked, no errors"),
        (["clean.yaml", "--strict"], 0, "1 file checked, no errors"),
        (["clean.yaml", "warned.yaml"], 0, "2 files checked, no errors, 1 warning"),
        (["warned.yaml", "--strict"], 1, "1 file checked, no errors, 1 warning, which --strict does not allow"),
        (["."], 1, "1 error in 1 of 3 files, 1 warning"),
        ([".", "--strict"], 1, "1 error in 1 of 3 files, 1 warning"),
    ],
)
def test_warnings_fail_only_under_strict(
    files: Path, capsys: pytest.CaptureFixture[str], args: list[str], code: int, last: str
) -> None:
    status, out, err = run(capsys, "validate", *args)
    counted = [line for line in out.splitlines() if " file" in line and not line.startswith(" ")]
    assert (status, counted, err) == (code, [last], "")


def test_the_last_line_counts() -> None:
    assert tally(0, 2, 0, 33, strict=False) == "33 files checked, no errors, 2 warnings"
    assert tally(3, 0, 2, 3, strict=False) == "3 errors in 2 of 3 files"


def test_a_warning_that_specs_share_is_given_once(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("variant.yaml").write_text("archc: 1\nextends: warned.yaml\nname: variant\n")
    out = run(capsys, "validate", "variant.yaml", "warned.yaml", "clean.yaml")[1]
    assert out.count("warning[A0904]") == 1
    assert out.splitlines()[-1] == "3 files checked, no errors, 1 warning"


def test_warnings_are_looked_for_where_there_is_no_error(files: Path) -> None:
    text = stages(*TWICE, "{type: rleu}")
    assert [one.code for one in check(text)] == ["A0105"]


def test_a_graph_is_made_whatever_the_warnings(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archc.lint.lint", lambda *_, **__: pytest.fail("looked for warnings"))
    spec = archc.load("warned.yaml")
    assert len(spec.graph.nodes) == 2
    assert spec.check(warnings=False) == []


def test_an_error_carries_no_warnings(files: Path) -> None:
    Path("broken.yaml").write_text(BROKEN + "# archc: ignore\n")
    with pytest.raises(archc.SpecError) as caught:
        _ = archc.load("broken.yaml").graph
    assert [one.code for one in caught.value.diagnostics] == ["A0105"]


@pytest.mark.parametrize("command", [["show", "warned.yaml"], ["compile", "warned.yaml", "--python"]])
def test_other_commands_mention_warnings_and_go_on(
    files: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    code, out, err = run(capsys, *command)
    assert (code, err) == (0, "1 warning (A0904): see `archc validate`\n")
    assert "A0904" not in out
    assert run(capsys, *[word.replace("warned", "clean") for word in command])[2] == ""


def test_colour_tells_warnings_from_errors(
    files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert run(capsys, "validate", "warned.yaml")[1].startswith("\033[1;93mwarning[A0904]")


@pytest.mark.parametrize("strict", [[], ["--strict"]])
def test_formats_say_that_it_is_a_warning(files: Path, capsys: pytest.CaptureFixture[str], strict: list[str]) -> None:
    def formatted(name: str) -> str:
        code, out, _ = run(capsys, "validate", "warned.yaml", "--format", name, *strict)
        assert code == len(strict)
        return out

    assert formatted("concise").startswith("warned.yaml:6:21: warning[A0904]: two activations in a row")
    assert json.loads(formatted("json"))[0]["severity"] == "warning"
    assert formatted("github").startswith("::warning file=warned.yaml,line=6,")
    assert json.loads(formatted("gitlab"))[0]["severity"] == "minor"
    (log,) = json.loads(formatted("sarif"))["runs"]
    assert log["results"][0]["level"] == "warning"
    assert log["tool"]["driver"]["rules"][0]["defaultConfiguration"] == {"level": "warning"}


def test_in_junit_a_warning_is_output_and_under_strict_a_failure(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def suites(*args: str) -> ElementTree.Element:
        return ElementTree.fromstring(run(capsys, "validate", *args, "--format", "junit")[1])

    (suite,) = suites("warned.yaml")
    assert (suite.get("failures"), suite[0].find("failure")) == ("0", None)
    assert "warning[A0904]" in (suite[0].findtext("system-out") or "")
    (suite,) = suites("warned.yaml", "--strict")
    assert (suite.get("failures"), suite[0].find("system-out")) == ("1", None)
    (suite,) = suites(".")
    assert [len(case) for case in suite] == [1, 0, 1]


# -- what ships, and anything else ------------------------------------------------------------------------------------

PATHS = [*shipped_specs().values(), *sorted((ROOT / "examples").glob("*.yaml"))]


@pytest.mark.parametrize("path", PATHS, ids=[f"{path.parent.name}/{path.stem}" for path in PATHS])
def test_what_ships_has_no_warnings(path: Path) -> None:
    assert archc.load(path).check() == []


@pytest.mark.parametrize("group", range(8))
def test_random_networks_are_looked_through(group: int) -> None:
    accepted = 0
    for seed in range(group * 40, group * 40 + 40):
        spec = load_with("-", [], json.dumps(random_spec(seed)).encode())
        errors, everything = spec.check(warnings=False), spec.check()
        assert [one for one in everything if one.severity == "error"] == errors
        assert {one.code for one in everything if one.severity == "warning"} <= {*RULES}
        accepted += not errors
    assert accepted >= 4


def test_hostile_numbers_and_names_cost_no_time(within) -> None:  # type: ignore[no-untyped-def]
    kernel = "{type: conv, out_channels: 1, kernel_size: [1, 1000000], padding: [0, 1000000]}"
    body = "params: {x: a, y: b}, stages: [{type: '${x}z%d${y}', when: false}, {type: relu}]"
    blocks = ", ".join(f"b{at}: {{{body % (at % 50)}}}" for at in range(1500))
    with within(4.0):
        assert [one.code for one in check(stages(kernel, head=PICTURE.replace("channels: 4", "channels: 1")))] == []
        assert [one.code for one in check(stages(RELU, more=f"blocks: {{{blocks}}}\n"))] == ["A0907"] * 256
