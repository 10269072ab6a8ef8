"""Mistakes in specs: each gives its code at its line and column, once, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent

import pytest

import archc
from archc.api import load_with
from archc.diagnostics import CODES, Diagnostic
from archc.diagnostics.render import to_text

HEAD = "archc: 1\nname: net\n"
PICTURE = HEAD + "input: {channels: 3, height: 32, width: 32}\n"
STAGES = PICTURE + "stages:\n"
RELU = "stages: [{type: relu}]\n"


def check(text: str, settings: Sequence[str] = ()) -> list[Diagnostic]:
    return load_with("-", list(settings), text.encode()).check(warnings=False)


def found(text: str, settings: Sequence[str] = ()) -> list[tuple[str, int, int]]:
    return [(one.code, one.span.line, one.span.column) for one in check(text, settings)]


def one(text: str) -> Diagnostic:
    (diagnostic,) = check(text)
    return diagnostic


FIELDS = [
    ("unknown field of a type", STAGES + "  - {type: conv, out_channels: 4, kernel_sise: 3}", "A0101", 5, 35),
    ("inferred field", STAGES + "  - {type: conv, in_channels: 3, out_channels: 4, kernel_size: 3}", "A0101", 5, 18),
    ("unknown field of a group", STAGES + "  - {stages: [{type: relu}], kernel: 3}", "A0101", 5, 30),
    ("unknown field of a spec", PICTURE + "stage: [{type: relu}]", "A0101", 4, 1),
    ("unknown field of input", HEAD + "input: {channels: 3, hieght: 3, width: 3}\n" + RELU, "A0101", 3, 22),
    ("unknown field of a size", HEAD + "input: {channels: 3, length: {default: 9, step: 2}}\n" + RELU, "A0101", 3, 43),
    ("unknown field of a block", PICTURE + "blocks: {b: {stage: [{type: relu}]}}\n" + RELU, "A0101", 4, 14),
    ("unknown field of a param", PICTURE + "params: {w: {type: int, defualt: 3}}\n" + RELU, "A0101", 4, 25),
    (
        "unknown field of a passed block",
        STAGES + "  - {type: nin, out_channels: 4, kernel_size: 1, act: {type: leaky_relu, slope: 1}}",
        "A0101",
        5,
        74,
    ),
    ("misspelt type key", STAGES + "  - {typ: relu}", "A0101", 5, 6),
    ("missing field", STAGES + "  - {type: conv, kernel_size: 3}", "A0102", 5, 12),
    ("several missing fields are one mistake", STAGES + "  - {type: conv}", "A0102", 5, 12),
    ("missing type", STAGES + "  - {name: a}", "A0102", 5, 6),
    ("missing input", HEAD + RELU, "A0102", 1, 1),
    ("missing stages", PICTURE, "A0102", 1, 1),
    ("no stages", PICTURE + "stages: []", "A0102", 4, 9),
    ("empty file", "# nothing\n", "A0102", 1, 1),
    ("missing default of a free size", HEAD + "input: {channels: 3, length: {min: 9}}\n" + RELU, "A0102", 3, 22),
    ("missing type of a param", PICTURE + "params: {w: {default: 3}}\n" + RELU, "A0102", 4, 10),
    ("missing value of a param", PICTURE + "params: {w: {type: int}}\n" + RELU, "A0102", 4, 10),
    ("missing stages of a block", PICTURE + "blocks: {b: {doc: empty}}\n" + RELU, "A0102", 4, 10),
    ("missing argument of a block", STAGES + "  - {type: residual}", "A0102", 5, 12),
    (
        "missing source of an output",
        STAGES + "  - {type: relu}\noutputs: {y: {only: training}, z: {from: a}}".replace("from: a", "from: input"),
        "A0102",
        6,
        11,
    ),
    ("spec is a list", "- 1", "A0103", 1, 1),
    ("stage is a word", STAGES + "  - relu", "A0103", 5, 5),
    ("stage is empty", STAGES + "  - {}", "A0103", 5, 5),
    ("stages is a mapping", PICTURE + "stages: {type: relu}", "A0103", 4, 9),
    ("type is a number by a param", PICTURE + "params: {t: 3}\nstages: [{type: relu}, {type: $t}]", "A0103", 4, 13),
    ("type is a list by an expression", STAGES + "  - {type: '${[1, 2]}'}", "A0103", 5, 12),
    ("type is a list", STAGES + "  - {type: [relu]}", "A0103", 5, 12),
    ("name is a number", STAGES + "  - {name: 3, type: relu}", "A0103", 5, 12),
    ("word for an int", STAGES + "  - {type: conv, out_channels: many, kernel_size: 3}", "A0103", 5, 32),
    ("mapping for an int", STAGES + "  - {type: conv, out_channels: {a: 1}, kernel_size: 3}", "A0103", 5, 32),
    ("word for a bool", STAGES + "  - {type: conv, out_channels: 4, kernel_size: 3, bias: no}", "A0103", 5, 57),
    ("quoted number", STAGES + "  - {type: dropout, p: '0.5'}", "A0103", 5, 24),
    ("number for a word", STAGES + "  - {type: upsample, scale_factor: 2, mode: 3}", "A0103", 5, 45),
    ("number for a block", STAGES + "  - {type: nin, out_channels: 4, kernel_size: 1, act: 3}", "A0103", 5, 55),
    ("nothing for an int", STAGES + "  - {type: conv, out_channels: , kernel_size: 3}", "A0103", 5, 32),
    ("when is a word", STAGES + "  - {type: relu, when: yes}", "A0103", 5, 24),
    ("inline is a word", STAGES + "  - {type: relu, inline: yes}", "A0103", 5, 26),
    ("repeat is a word", STAGES + "  - {type: relu, repeat: twice}", "A0103", 5, 26),
    ("names is a list", STAGES + "  - {type: transition, names: [a]}", "A0103", 5, 31),
    ("new name is a list", STAGES + "  - {type: transition, names: {norm: [a]}}", "A0103", 5, 38),
    ("init is a word", STAGES + "  - {type: relu, init: zeros}", "A0103", 5, 24),
    ("doc is a number", STAGES + "  - {type: relu, doc: 3}", "A0103", 5, 23),
    ("expect is a number", STAGES + "  - {type: relu, expect: 3}", "A0103", 5, 26),
    ("defaults of a type is a number", PICTURE + "defaults: {conv: 3}\n" + RELU, "A0103", 4, 18),
    ("default of another kind, unused", PICTURE + "defaults: {conv: {bias: 3}}\n" + RELU, "A0103", 4, 25),
    (
        "default of a param of another kind",
        PICTURE + "blocks: {b: {params: {n: {type: int, default: x}}, stages: [{type: relu}]}}\n" + RELU,
        "A0103",
        4,
        47,
    ),
    (
        "input of a block is a number",
        PICTURE + "blocks: {b: {inputs: [3], stages: [{type: relu}]}}\n" + RELU,
        "A0103",
        4,
        23,
    ),
    (
        "choice is a list",
        PICTURE + "params: {w: {type: string, default: a, choices: [a, [b]]}}\n" + RELU,
        "A0103",
        4,
        53,
    ),
    ("zero channels", STAGES + "  - {type: conv, out_channels: 0, kernel_size: 3}", "A0104", 5, 32),
    ("probability above one", STAGES + "  - {type: dropout, p: 2}", "A0104", 5, 24),
    ("epsilon of zero", STAGES + "  - {type: batch_norm, eps: 0}", "A0104", 5, 29),
    ("no such choice", STAGES + "  - {type: upsample, scale_factor: 2, mode: cubic}", "A0104", 5, 45),
    ("too many sizes", STAGES + "  - {type: conv, out_channels: 4, kernel_size: [1, 2, 3]}", "A0104", 5, 48),
    ("too many sizes, all equal", STAGES + "  - {type: conv, out_channels: 4, kernel_size: [3, 3, 3]}", "A0104", 5, 48),
    ("one size for two axes", STAGES + "  - {type: max_pool, kernel_size: [2]}", "A0104", 5, 35),
    (
        "sizes for another rank, passed to a block",
        STAGES + "  - {type: residual, out_channels: 4, stride: [2, 2, 2]}",
        "A0104",
        5,
        47,
    ),
    (
        "two sizes on a sequence",
        HEAD + "input: {channels: 3, length: 9}\nstages:\n  - {type: avg_pool, kernel_size: [3, 3]}",
        "A0104",
        5,
        35,
    ),
    ("too few paddings", STAGES + "  - {type: pad, padding: [1, 2, 3]}", "A0104", 5, 26),
    ("no such type of param", PICTURE + "params: {w: {type: integer, default: 3}}\n" + RELU, "A0104", 4, 20),
    (
        "default size below the least",
        HEAD + "input: {channels: 3, length: {min: 9, default: 8}}\n" + RELU,
        "A0104",
        3,
        48,
    ),
    (
        "default size between the steps",
        HEAD + "input: {channels: 3, length: {multiple_of: 4, default: 9}}\n" + RELU,
        "A0104",
        3,
        56,
    ),
    ("zero copies", STAGES + "  - {type: relu, repeat: 0}", "A0104", 5, 26),
    (
        "unknown kind of output",
        STAGES + "  - {name: a, type: relu}\noutputs: {y: {from: a, only: testing}, z: a}",
        "A0104",
        6,
        30,
    ),
    ("unknown type", STAGES + "  - {type: rleu}", "A0105", 5, 12),
    (
        "unknown type in a passed block",
        STAGES + "  - {type: nin, out_channels: 4, kernel_size: 1, act: {type: rleu}}",
        "A0105",
        5,
        62,
    ),
    ("unknown type in defaults", PICTURE + "defaults: {batch_nrom: {eps: 1e-3}}\n" + RELU, "A0105", 4, 12),
    (
        "unknown type as a default",
        PICTURE + "blocks: {b: {params: {n: {type: block, default: rleu}}, stages: [{type: $n}]}}\n" + RELU,
        "A0105",
        4,
        49,
    ),
    ("class of torch as a type", STAGES + "  - {type: torch.nn.ReLU}", "A0105", 5, 12),
    ("unknown version", "archc: 2\nname: n\ninput: {features: 3}\n" + RELU, "A0106", 1, 8),
    ("version as a word", "archc: one\nname: n\ninput: {features: 3}\n" + RELU, "A0106", 1, 8),
    ("too large a size", STAGES + "  - {type: conv, out_channels: 3000000000, kernel_size: 3}", "A0008", 5, 32),
    ("too large a float", STAGES + "  - {type: batch_norm, eps: 1e999}", "A0008", 5, 29),
    ("not a number", STAGES + "  - {type: batch_norm, eps: .nan}", "A0008", 5, 29),
]

NAMES = [
    ("attribute of nn.Module", STAGES + "  - {name: half, type: relu}", "A0107", 5, 12),
    ("what nn.Module keeps", STAGES + "  - {name: _modules, type: relu}", "A0107", 5, 12),
    ("keyword", STAGES + "  - {name: class, type: relu}", "A0107", 5, 12),
    ("input", STAGES + "  - {name: input, type: relu}", "A0107", 5, 12),
    ("dot", STAGES + "  - {name: a.b, type: relu}", "A0107", 5, 12),
    ("65 characters", STAGES + f"  - {{name: {'x' * 65}, type: relu}}", "A0107", 5, 12),
    ("number", STAGES + "  - {name: '1', type: relu}", "A0107", 5, 12),
    ("two underscores", STAGES + "  - {name: __dict, type: relu}", "A0107", 5, 12),
    ("not ASCII", STAGES + "  - {name: naïve, type: relu}", "A0107", 5, 12),
    ("name of the spec", "archc: 1\nname: a b\ninput: {features: 3}\n" + RELU, "A0107", 2, 7),
    (
        "same name in every copy",
        STAGES + "  - {name: a, type: residual, out_channels: 3, inline: true, repeat: 2}",
        "A0107",
        5,
        12,
    ),
    ("param that is a stage's field", PICTURE + "params: {type: 3}\n" + RELU, "A0107", 4, 10),
    ("param that is a word of expressions", PICTURE + "params: {in_channels: 3}\n" + RELU, "A0107", 4, 10),
    ("output", STAGES + "  - {name: a-b, type: relu}\noutputs: [a-b]", "A0107", 6, 11),
    ("output with a dot", STAGES + "  - {name: a, type: relu}\noutputs: {y.z: a}", "A0107", 6, 11),
    ("new name of a child", STAGES + "  - {type: transition, names: {norm: forward}}", "A0107", 5, 38),
    ("type of a block", PICTURE + "blocks: {a b: {stages: [{type: relu}]}}\n" + RELU, "A0107", 4, 10),
    ("duplicate stage", STAGES + "  - {name: a, type: relu}\n  - {name: a, type: relu}", "A0108", 6, 12),
    ("duplicate after a rename", STAGES + "  - {type: transition, names: {norm: conv}}", "A0108", 5, 12),
    ("duplicate output", STAGES + "  - {name: a, type: relu}\noutputs: [a, a]", "A0108", 6, 14),
    (
        "input named as a stage",
        PICTURE + "blocks: {b: {inputs: [x], stages: [{name: x, type: relu}]}}\n" + RELU,
        "A0108",
        4,
        23,
    ),
    ("unknown child", STAGES + "  - {type: transition, names: {nrm: bn}}", "A0101", 5, 32),
    ("unknown child in defaults", PICTURE + "defaults: {transition: {names: {nrm: bn}}}\n" + RELU, "A0101", 4, 33),
    ("children of a primitive", STAGES + "  - {type: relu, names: {a: b}}", "A0101", 5, 25),
    ("children of a group", STAGES + "  - {stages: [{type: relu}], names: {a: b}}", "A0101", 5, 37),
    ("type and stages", STAGES + "  - {type: relu, stages: [{type: relu}]}", "A0109", 5, 18),
    ("input without width", HEAD + "input: {channels: 3, height: 3}\n" + RELU, "A0109", 3, 8),
    ("channels and features", HEAD + "input: {channels: 3, features: 3}\n" + RELU, "A0109", 3, 8),
    ("channels alone", HEAD + "input: {channels: 3}\n" + RELU, "A0109", 3, 8),
    ("empty input", HEAD + "input: {}\n" + RELU, "A0109", 3, 8),
    ("upto alone", PICTURE + "upto: a\n" + RELU, "A0109", 4, 1),
    ("shadowed primitive", PICTURE + "blocks: {relu: {stages: [{type: gelu}]}}\n" + RELU, "A0110", 4, 10),
    ("shadowed block", PICTURE + "blocks: {nin: {stages: [{type: gelu}]}}\n" + RELU, "A0110", 4, 10),
    ("block in itself", PICTURE + "blocks: {b: {stages: [{type: b}]}}\nstages: [{type: b}]", "A0111", 4, 30),
    ("block in itself, unused", PICTURE + "blocks: {b: {stages: [{type: b}]}}\n" + RELU, "A0111", 4, 30),
]

EXPRESSIONS = [
    (
        "unknown variable",
        PICTURE + "params: {width: 8}\nstages: [{type: conv, kernel_size: 1, out_channels: $widht}]",
        "A0202",
        5,
        54,
    ),
    (
        "caller's param in a block",
        PICTURE
        + "params: {w: 8}\nblocks: {b: {stages: [{type: conv, kernel_size: 1, out_channels: $w}]}}\nstages: [{type: b}]",
        "A0202",
        5,
        67,
    ),
    ("later param", PICTURE + "params: {a: $b, b: 3}\n" + RELU, "A0202", 4, 14),
    ("unquoted in a mapping", STAGES + "  - {type: conv, kernel_size: 1, out_channels: ${2 * 3}}", "A0007", 5, 48),
    ("unquoted in a list", STAGES + "  - {type: conv, out_channels: 3, kernel_size: [${2 - 1}, 1]}", "A0007", 5, 49),
    ("division by zero", STAGES + '  - {type: conv, kernel_size: 1, out_channels: "${8 // (1 - 1)}"}', "A0203", 5, 51),
    (
        "element that is not there",
        PICTURE + "params: {w: [1, 2]}\nstages: [{type: conv, kernel_size: 1, out_channels: '${1 + w[2]}'}]",
        "A0203",
        5,
        60,
    ),
    ("not closed", STAGES + '  - {type: conv, kernel_size: 1, out_channels: "${8"}', "A0201", 5, 49),
    ("unknown function", STAGES + "  - {type: conv, kernel_size: 1, out_channels: '${ open(3)}'}", "A0201", 5, 52),
    ("attribute", STAGES + "  - {type: conv, kernel_size: 1, out_channels: '${(1).real}'}", "A0201", 5, 54),
    ("power", STAGES + "  - {type: conv, kernel_size: 1, out_channels: '${2 ** 3}'}", "A0201", 5, 53),
    ("not whole", STAGES + "  - {type: conv, kernel_size: 1, out_channels: '${7 / 2}'}", "A0204", 5, 48),
    ("i outside a repeat", STAGES + "  - {type: conv, kernel_size: 1, out_channels: $i}", "A0205", 5, 49),
    (
        "in_channels of a merge",
        STAGES + "  - {type: add, from: [input, input], when: '${in_channels > 2}'}",
        "A0205",
        5,
        48,
    ),
    ("in_channels of a param", PICTURE + "params: {w: $in_channels}\n" + RELU, "A0205", 4, 14),
    ("when is a number", STAGES + "  - {type: relu, when: '${1 + 1}'}", "A0103", 5, 24),
    (
        "condition is a number",
        STAGES + "  - {type: conv, kernel_size: 1, out_channels: '${1 if 3 else 2}'}",
        "A0203",
        5,
        56,
    ),
    ("unknown in a name", STAGES + "  - {name: 'a${n}', type: relu}", "A0202", 5, 16),
    ("unknown in a type", STAGES + "  - {type: $norm}", "A0202", 5, 13),
    ("unknown in a repeat", STAGES + "  - {type: relu, repeat: $n}", "A0202", 5, 27),
]

REFERENCES = [
    ("unknown", STAGES + "  - {type: relu}\n  - {type: relu, from: a}", "A0401", 6, 24),
    ("forward", STAGES + "  - {name: a, type: add, from: [input, b]}\n  - {name: b, type: relu}", "A0402", 5, 40),
    ("itself", STAGES + "  - {name: a, type: relu, from: a}", "A0402", 5, 33),
    (
        "out of a group",
        STAGES + "  - {name: a, type: relu}\n  - {name: g, stages: [{type: relu, from: a}]}",
        "A0404",
        6,
        43,
    ),
    (
        "out of a group to what only it uses",
        STAGES + "  - {name: a, type: relu}\n  - {name: g, from: input, stages: [{type: relu, from: a}]}",
        "A0404",
        6,
        56,
    ),
    ("empty", STAGES + "  - {type: relu}\n  - {type: relu, from: []}", "A0405", 6, 24),
    ("empty at a merge", STAGES + "  - {type: add, from: []}", "A0405", 5, 23),
    ("number", STAGES + "  - {type: relu}\n  - {type: relu, from: -1}", "A0103", 6, 24),
    ("number at a merge", STAGES + "  - {name: a, type: relu}\n  - {type: add, from: [a, 0]}", "A0103", 6, 27),
    ("mapping", STAGES + "  - {type: relu, from: {a: b}}", "A0103", 5, 24),
    ("stage that nothing takes", STAGES + "  - {name: a, type: relu}\n  - {type: gelu, from: input}", "A0403", 5, 21),
    (
        "stage in a group that nothing takes",
        STAGES + "  - {stages: [{type: relu}, {type: gelu, from: input}]}",
        "A0403",
        5,
        22,
    ),
    (
        "last stage that no output takes",
        STAGES + "  - {name: a, type: relu}\n  - {type: gelu}\noutputs: [a]",
        "A0403",
        6,
        12,
    ),
    (
        "input that the block does not use",
        PICTURE + "blocks: {b: {inputs: [x, y], stages: [{type: relu}]}}\nstages: [{type: b, from: [input, input]}]",
        "A0403",
        4,
        10,
    ),
    (
        "one input for a merge, the other unused",
        STAGES + "  - {name: a, type: relu}\n  - {type: relu, from: input}\n  - {type: add, from: [a]}",
        "A0405",
        7,
        24,
    ),
    ("one input for a merge", STAGES + "  - {type: add}", "A0405", 5, 12),
    ("two inputs for an activation", STAGES + "  - {type: relu, from: [input, input]}", "A0405", 5, 25),
    ("two inputs for a group", STAGES + "  - {from: [input, input], stages: [{type: relu}]}", "A0405", 5, 13),
    (
        "one input for a block of two",
        PICTURE + "blocks: {b: {inputs: [x, y], stages: [{type: add, from: [x, y]}]}}\nstages: [{type: b}]",
        "A0405",
        5,
        17,
    ),
    ("unknown output", STAGES + "  - {name: a, type: relu}\noutputs: [b]", "A0504", 6, 11),
    (
        "output inside a group",
        STAGES + "  - {name: g, stages: [{name: a, type: relu}]}\noutputs: {y: g.a}",
        "A0504",
        6,
        14,
    ),
    ("every copy as output", STAGES + "  - {name: g, type: relu, repeat: 2}\noutputs: {y: g.*}", "A0504", 6, 14),
    (
        "outputs in training only",
        STAGES + "  - {name: a, type: relu}\noutputs: {y: {from: a, only: training}}",
        "A0504",
        6,
        21,
    ),
    ("no outputs", STAGES + "  - {name: a, type: relu}\noutputs: []", "A0504", 6, 10),
    ("number as output", STAGES + "  - {name: a, type: relu}\noutputs: {y: 0}", "A0103", 6, 14),
]

TRAINED = (
    HEAD
    + """\
input: {channels: 1, height: 28, width: 28}
stages:
  - {type: flatten}
  - {type: linear, out_features: 10}
"""
)

CLAIMS = [
    ("shape", STAGES + "  - {type: relu, expect: [3, 32, 31]}", "A0505", 5, 26),
    ("axes", STAGES + "  - {type: relu, expect: [3]}", "A0505", 5, 26),
    ("shape at the top", STAGES + "  - {name: a, type: relu}\nexpect: {a: [4, null, null]}", "A0505", 6, 13),
    ("path", STAGES + "  - {name: a, type: relu}\nexpect: {b: [3, 32, 32]}", "A0507", 6, 10),
    ("parameters", STAGES + "  - {type: batch_norm}\nbudget: {parameters: 5}", "A0506", 6, 22),
    ("activation memory", STAGES + "  - {type: batch_norm}\nbudget: {activation_memory: 5}", "A0506", 6, 29),
    ("aliases as a list", STAGES + "  - {type: batch_norm}\naliases: [weight]", "A0103", 6, 10),
    ("alias for a list", STAGES + "  - {type: batch_norm}\naliases: {w: [weight]}", "A0103", 6, 14),
    ("alias for a number", STAGES + "  - {type: batch_norm}\naliases: {w: 0}", "A0103", 6, 14),
    ("alias that is no name", STAGES + "  - {type: batch_norm}\naliases: {'w*': weight}", "A0107", 6, 11),
    ("alias for what is no name", STAGES + "  - {type: batch_norm}\naliases: {w: weight.}", "A0107", 6, 14),
    ("alias that leads nowhere", STAGES + "  - {type: batch_norm}\naliases: {w: eight}", "A0507", 6, 14),
    ("unknown bound", STAGES + "  - {type: relu}\nbudget: {params: 5}", "A0101", 6, 10),
    ("bound as a word", STAGES + "  - {type: relu}\nbudget: {macs: few}", "A0103", 6, 16),
    ("init of an unknown type", PICTURE + "init: {convv: {weight: zeros}}\n" + RELU, "A0105", 4, 8),
    ("init of a block", PICTURE + "init: {residual: {weight: zeros}}\n" + RELU, "A0104", 4, 8),
    ("init of a type without tensors", PICTURE + "init: {relu: {weight: zeros}}\n" + RELU, "A0104", 4, 8),
    ("init of an unknown tensor", PICTURE + "init: {conv: {wieght: zeros}}\n" + RELU, "A0101", 4, 15),
    ("init of a tensor that is not there", STAGES + "  - {type: conv, out_channels: 3, kernel_size: 1, bias: false, init: {bias: zeros}}", "A0101", 5, 71),
    ("unknown distribution", PICTURE + "init: {conv: {weight: zeroes}}\n" + RELU, "A0104", 4, 23),
    ("unknown constant", PICTURE + "init: {conv: {weight: {type: normal, sdt: 1}}}\n" + RELU, "A0101", 4, 38),
    ("constant out of range", PICTURE + "init: {conv: {weight: {type: normal, std: -1}}}\n" + RELU, "A0104", 4, 43),
    ("constant of another kind", PICTURE + "init: {conv: {weight: {type: normal, std: big}}}\n" + RELU, "A0103", 4, 43),
    ("distribution that counts fans", PICTURE + "init: {batch_norm: {weight: xavier_normal}}\n" + RELU, "A0104", 4, 29),
    ("init in a group", STAGES + "  - {init: {convv: {weight: zeros}}, stages: [{type: relu}]}", "A0105", 5, 13),
    ("unknown field in train", TRAINED + "train: {epoch: 1, batch_size: 1, data: {type: fashion_mnist}, optimizer: {type: sgd, lr: 1}}", "A0101", 7, 9),
    ("missing in train", TRAINED + "train: {epochs: 1, batch_size: 1}", "A0102", 7, 8),
    ("unknown optimizer", TRAINED + "train: {epochs: 1, batch_size: 1, data: {type: fashion_mnist}, optimizer: {type: sdg}}", "A0104", 7, 82),
    ("missing in the optimizer", TRAINED + "train: {epochs: 1, batch_size: 1, data: {type: fashion_mnist}, optimizer: {type: sgd}}", "A0102", 7, 82),
    ("unknown in the optimizer", TRAINED + "train: {epochs: 1, batch_size: 1, data: {type: fashion_mnist}, optimizer: {type: sgd, lr: 1, nesterof: 1}}", "A0101", 7, 94),
    ("batch of zero", TRAINED + "train: {epochs: 1, batch_size: 0, data: {type: fashion_mnist}, optimizer: {type: sgd, lr: 1}}", "A0104", 7, 32),
    ("unknown data", TRAINED + "train: {epochs: 1, batch_size: 2, data: {type: fashion_mnits}, optimizer: {type: sgd, lr: 1}}", "A0104", 7, 48),
    ("unknown field of data", TRAINED + "train: {epochs: 1, batch_size: 2, data: {type: mnist, size: 28}, optimizer: {type: sgd, lr: 1}}", "A0101", 7, 55),
    ("data is a word", TRAINED + "train: {epochs: 1, batch_size: 2, data: mnist, optimizer: {type: sgd, lr: 1}}", "A0102", 7, 41),
    ("a folder without classes", TRAINED + "train: {epochs: 1, batch_size: 2, data: {type: image_folder, path: a, channels: 1, height: 28, width: 28}, optimizer: {type: sgd, lr: 1}}", "A0102", 7, 48),
    ("a folder of one class", TRAINED + "train: {epochs: 1, batch_size: 2, data: {type: image_folder, path: a, channels: 1, height: 28, width: 28, classes: 1}, optimizer: {type: sgd, lr: 1}}", "A0104", 7, 116),
    ("made data without sizes", TRAINED + "train: {epochs: 1, batch_size: 2, data: {type: synthetic, classes: 10}, optimizer: {type: sgd, lr: 1}}", "A0109", 7, 48),
    ("made data of two forms", TRAINED + "train: {epochs: 1, batch_size: 2, data: {type: synthetic, features: 784, channels: 1, height: 28, width: 28, classes: 10}, optimizer: {type: sgd, lr: 1}}", "A0109", 7, 48),
    ("three sizes of a picture", TRAINED + "train: {epochs: 1, batch_size: 2, data: {type: mnist, resize: [28, 28, 3]}, optimizer: {type: sgd, lr: 1}}", "A0104", 7, 63),
    ("unknown label", TRAINED + "train: {epochs: 1, batch_size: 2, label: onehot, data: {type: mnist}, optimizer: {type: sgd, lr: 1}}", "A0104", 7, 42),
    ("label is a list", TRAINED + "train: {epochs: 1, batch_size: 2, label: [one_hot], data: {type: mnist}, optimizer: {type: sgd, lr: 1}}", "A0102", 7, 42),
    ("shape of a label that has none", TRAINED + "train: {epochs: 1, batch_size: 2, label: {type: one_hot, shape: [1]}, data: {type: mnist}, optimizer: {type: sgd, lr: 1}}", "A0101", 7, 58),
    ("shape of a label is a number", TRAINED + "train: {epochs: 1, batch_size: 2, label: {type: float, shape: 1}, data: {type: mnist}, optimizer: {type: sgd, lr: 1}}", "A0103", 7, 63),
    ("unknown loss", TRAINED + "train: {epochs: 1, batch_size: 2, loss: crossentropy, data: {type: mnist}, optimizer: {type: sgd, lr: 1}}", "A0104", 7, 41),
    ("loss is a bool", TRAINED + "train: {epochs: 1, batch_size: 2, loss: true, data: {type: mnist}, optimizer: {type: sgd, lr: 1}}", "A0104", 7, 41),
    ("unknown field of a loss", TRAINED + "train: {epochs: 1, batch_size: 2, loss: {type: mse, weight: 1}, data: {type: mnist}, label: one_hot, optimizer: {type: sgd, lr: 1}}", "A0101", 7, 53),
    ("weights as a number", TRAINED + "train: {epochs: 1, batch_size: 2, loss: {type: cross_entropy, weights: 1}, data: {type: mnist}, optimizer: {type: sgd, lr: 1}}", "A0103", 7, 72),
    ("weight below zero", TRAINED + "train: {epochs: 1, batch_size: 2, loss: {type: cross_entropy, weights: {output: -1}}, data: {type: mnist}, optimizer: {type: sgd, lr: 1}}", "A0104", 7, 81),
    ("drop_last is a word", TRAINED + "train: {epochs: 1, batch_size: 2, drop_last: yes, data: {type: mnist}, optimizer: {type: sgd, lr: 1}}", "A0103", 7, 46),
    ("misspelt batch size", TRAINED + "train: {epochs: 1, batchsize: 2, data: {type: mnist}, optimizer: {type: sgd, lr: 1}}", "A0101", 7, 20),
    ("train is a list", TRAINED + "train: [mnist]", "A0103", 7, 8),
    ("train is empty", TRAINED + "train:", "A0103", 7, 7),
    ("unknown unit", STAGES + "  - {type: batch_norm}\nbudget: {parameters: 25 MiB}", "A0104", 6, 22),
    ("unit of counts for bytes", STAGES + "  - {type: batch_norm}\nbudget: {file_size: 25 M}", "A0104", 6, 21),
    ("bound below zero", STAGES + "  - {type: batch_norm}\nbudget: {macs: -1}", "A0104", 6, 16),
    ("bound below zero with a unit", STAGES + "  - {type: batch_norm}\nbudget: {macs: -1 k}", "A0103", 6, 16),
    ("bound is a list", STAGES + "  - {type: batch_norm}\nbudget: {macs: [1]}", "A0103", 6, 16),
    ("bound is a mapping", STAGES + "  - {type: batch_norm}\nbudget: {macs: {max: 1}}", "A0103", 6, 16),
    ("batch of none in a budget", STAGES + "  - {type: batch_norm}\nbudget: {batch: 0}", "A0104", 6, 17),
    ("activations of a batch", STAGES + "  - {type: batch_norm}\nbudget: {activation_memory: 24 KiB, batch: 2}", "A0506", 6, 29),
    ("MACs", STAGES + "  - {type: conv, out_channels: 4, kernel_size: 3}\nbudget: {macs: 97.1 k}", "A0506", 6, 16),
    ("size of a file", STAGES + "  - {type: conv, out_channels: 4, kernel_size: 3}\nbudget: {file_size: 448}", "A0506", 6, 21),
    ("claim of a word", STAGES + "  - {type: relu, expect: [three, 32, 32]}", "A0103", 5, 27),
    ("claim of a bool", STAGES + "  - {type: global_avg_pool, expect: [3, true, 1]}", "A0103", 5, 41),
    ("claim below one", STAGES + "  - {type: relu, expect: [3, -1, 32]}", "A0104", 5, 30),
    ("claim of a part of a row", STAGES + "  - {type: relu, expect: [3, 32.5, 32]}", "A0204", 5, 30),
    ("claim of no axes", STAGES + "  - {type: relu, expect: []}", "A0505", 5, 26),
    ("claim at the top is a number", STAGES + "  - {name: a, type: relu}\nexpect: {a: 3}", "A0103", 6, 13),
    ("claims are a list", STAGES + "  - {name: a, type: relu}\nexpect: [3, 32, 32]", "A0103", 6, 9),
    ("claim about a copy", STAGES + "  - {name: a, type: residual, out_channels: 4, repeat: 2}\nexpect: {a.1.conv1: [4, 32, 31]}", "A0505", 6, 21),
    ("claim about a copy that is not there", STAGES + "  - {name: a, type: residual, out_channels: 4, repeat: 2}\nexpect: {a.2: [4, 32, 32]}", "A0507", 6, 10),
]  # fmt: skip

LENGTH = HEAD + "input: {channels: 4, length: 16}\nstages:\n"
FEATURES = HEAD + "input: {features: 6}\nstages:\n"

OPS = [
    ("conv on features", FEATURES + "  - {type: conv, out_channels: 4, kernel_size: 1}", "A0301", 5, 12),
    ("pool on features", FEATURES + "  - {type: max_pool, kernel_size: 1}", "A0301", 5, 12),
    ("adaptive pool on features", FEATURES + "  - {type: adaptive_avg_pool, output_size: 1}", "A0301", 5, 12),
    ("transposed conv on features", FEATURES + "  - {type: conv_transpose, out_channels: 4, kernel_size: 1}", "A0301", 5, 12),
    ("pad on features", FEATURES + "  - {type: pad, padding: 1}", "A0301", 5, 12),
    ("upsample on features", FEATURES + "  - {type: upsample, scale_factor: 2}", "A0301", 5, 12),
    ("shuffle on features", FEATURES + "  - {type: channel_shuffle, groups: 4}", "A0301", 5, 12),
    ("pixel shuffle on a sequence", LENGTH + "  - {type: pixel_shuffle, upscale_factor: 2}", "A0301", 5, 12),
    ("a mean for too few channels", STAGES + "  - {type: normalize, mean: [0.5, 0.5], std: [1.0]}", "A0304", 5, 29),
    ("response norm on features", FEATURES + "  - {type: local_response_norm, size: 2}", "A0301", 5, 12),
    ("channelwise dropout on features", FEATURES + "  - {type: dropout, channelwise: true}", "A0301", 5, 34),
    ("layout of features", FEATURES + "  - {type: channels_last}", "A0301", 5, 12),
    ("map meets features", STAGES + "  - {name: f, type: flatten}\n  - {type: add, from: [f, input]}", "A0301", 6, 27),
    ("groups and input channels", STAGES + "  - {type: conv, out_channels: 4, kernel_size: 1, groups: 2}", "A0302", 5, 59),
    ("groups and output channels", STAGES + "  - {type: conv, out_channels: 4, kernel_size: 1, groups: 3}", "A0302", 5, 59),
    ("groups of neither", STAGES + "  - {type: conv, out_channels: 5, kernel_size: 1, groups: 2}", "A0302", 5, 59),
    ("groups of a transposed conv", STAGES + "  - {type: conv_transpose, out_channels: 4, kernel_size: 1, groups: 2}", "A0302", 5, 69),
    ("groups of a norm", STAGES + "  - {type: group_norm, num_groups: 2}", "A0302", 5, 36),
    ("groups of a shuffle", STAGES + "  - {type: channel_shuffle, groups: 2}", "A0302", 5, 37),
    ("factor of a pixel shuffle", STAGES + "  - {type: pixel_shuffle, upscale_factor: 2}", "A0302", 5, 43),
    ("large kernel", STAGES + "  - {type: conv, out_channels: 4, kernel_size: 33}", "A0303", 5, 48),
    ("large dilated kernel", STAGES + "  - {type: conv, out_channels: 4, kernel_size: 3, dilation: 16}", "A0303", 5, 48),
    ("large pool", STAGES + "  - {type: max_pool, kernel_size: 33}", "A0303", 5, 35),
    ("channels of a sum", STAGES + "  - {name: a, type: conv, out_channels: 4, kernel_size: 1}\n  - {type: add, from: [a, input]}", "A0304", 6, 27),
    ("channels of a product", STAGES + "  - {name: a, type: conv, out_channels: 1, kernel_size: 1}\n  - {type: multiply, from: [input, a]}", "A0304", 6, 36),
    ("sizes of a sum", STAGES + "  - {name: a, type: max_pool, kernel_size: 2}\n  - {type: add, from: [a, input]}", "A0305", 6, 27),
    ("sizes of a sum that could broadcast", STAGES + "  - {name: a, type: global_avg_pool}\n  - {type: add, from: [input, a]}", "A0305", 6, 31),
    ("sizes of a concat", STAGES + "  - {name: a, type: max_pool, kernel_size: 2}\n  - {type: concat, from: [input, a]}", "A0305", 6, 34),
    (
        "sizes of a product whose first factor stretches",
        STAGES
        + "  - {name: a, type: global_avg_pool}\n  - {name: b, type: max_pool, from: input, kernel_size: 2}\n"
        + "  - {type: multiply, from: [a, b, input]}\n  - {type: conv, out_channels: 4, kernel_size: 1}",
        "A0305",
        7,
        35,
    ),
    (
        "upscale factor whose size does not matter any more",
        STAGES
        + "  - {name: a, type: conv, out_channels: 3, kernel_size: 1}\n"
        + "  - {name: b, type: pixel_shuffle, upscale_factor: 2}\n  - {type: concat, from: [a, b]}",
        "A0302",
        6,
        52,
    ),
    ("sizes of a product", STAGES + "  - {name: a, type: max_pool, kernel_size: 2}\n  - {type: multiply, from: [input, a]}", "A0305", 6, 36),
    ("padding of a pool", STAGES + "  - {type: avg_pool, kernel_size: 2, padding: 2}", "A0306", 5, 47),
    ("reflected padding", STAGES + "  - {type: pad, padding: 32, mode: reflect}", "A0306", 5, 26),
    ("output padding", STAGES + "  - {type: conv_transpose, out_channels: 4, kernel_size: 2, output_padding: 1}", "A0307", 5, 77),
    ("transposed conv to nothing", STAGES + "  - {type: conv_transpose, out_channels: 4, kernel_size: 1, padding: 16}", "A0308", 5, 70),
    ("pad to nothing", STAGES + "  - {type: pad, padding: -16}", "A0308", 5, 26),
    ("reflection that takes away", STAGES + "  - {type: pad, padding: -1, mode: reflect}", "A0104", 5, 26),
    ("linear on a map", STAGES + "  - {type: linear, out_features: 4}", "A0309", 5, 12),
    ("conv on channels last", STAGES + "  - {type: channels_last}\n  - {type: conv, out_channels: 4, kernel_size: 1}", "A0310", 6, 12),
    ("batch norm on channels last", STAGES + "  - {type: channels_last}\n  - {type: batch_norm}", "A0310", 6, 12),
    ("channels last twice", STAGES + "  - {type: channels_last}\n  - {type: channels_last}", "A0310", 6, 12),
    ("slopes on channels last", STAGES + "  - {type: channels_last}\n  - {type: prelu, per_channel: true}", "A0310", 6, 12),
    ("uneven chunks", STAGES + "  - {type: chunk, chunks: 2, index: 0}", "A0311", 5, 27),
    ("chunk that is not there", STAGES + "  - {type: chunk, chunks: 3, index: 3}", "A0104", 5, 37),
    ("bounds in the wrong order", STAGES + "  - {type: hardtanh, min_val: 1, max_val: 0}", "A0104", 5, 31),
    ("free size of a merge", HEAD + "input: {channels: 3, length: {min: 8, default: 8}}\nstages:\n  - {type: max_pool, kernel_size: 2}\n  - {name: up, type: upsample, scale_factor: 2}\n  - {type: add, from: [up, input]}", "A0312", 3, 30),
    ("free size before a linear", HEAD + "input: {channels: 3, length: {min: 8, default: 8}}\nstages:\n  - {type: flatten}\n  - {type: linear, out_features: 2}", "A0312", 3, 30),
    ("free size that is too small", HEAD + "input: {channels: 3, length: {default: 8}}\nstages:\n  - {type: conv, out_channels: 2, kernel_size: 3}", "A0312", 3, 30),
]  # fmt: skip

JOINT = (
    HEAD + "input: {channels: 3, height: {multiple_of: 2, default: 8}, width: {multiple_of: 2, default: 8}}\nstages:\n"
)
OPS += [
    ("free sizes that are not decided together", JOINT + "  - {type: flatten}\n  - {type: chunk, chunks: 4, index: 0}", "A0313", 3, 67),
]  # fmt: skip

TABLE = [*FIELDS, *NAMES, *EXPRESSIONS, *REFERENCES, *CLAIMS, *OPS]


def test_every_code_of_what_is_written_has_a_row() -> None:
    """Fields, expressions, shapes and references; files, variants, weights and targets have tests of their own."""
    written = {code for code in CODES if code[:3] in ("A01", "A02", "A03", "A04")}
    assert written - {row[2] for row in TABLE} == {"A0206", "A0207"}  # settings, below


@pytest.mark.parametrize(("text", "code", "line", "column"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_a_mistake_is_reported_once_where_it_is(text: str, code: str, line: int, column: int) -> None:
    assert found(text) == [(code, line, column)], to_text(check(text))


REAL = [
    (
        "the shortcut convolution on the body's output in place of the block's input",
        """
        stages:
          - {name: stem, type: conv, out_channels: 3, kernel_size: 1}
          - {name: conv1, type: conv, out_channels: 6, kernel_size: 3, padding: 1}
          - {name: conv2, type: conv, out_channels: 6, kernel_size: 3, padding: 1}
          - {name: shortcut, type: conv, from: conv2, out_channels: 6, kernel_size: 1}
          - {name: join, type: add, from: [shortcut, stem]}
        """,
        ("A0304", 9, 46),
    ),
    (
        "the strided shortcut convolution on the body's output",
        """
        stages:
          - {name: conv1, type: conv, out_channels: 6, kernel_size: 3, padding: 1, stride: 2}
          - {name: conv2, type: conv, out_channels: 6, kernel_size: 3, padding: 1}
          - {name: shortcut, type: conv, from: conv2, out_channels: 6, kernel_size: 1, stride: 2}
          - {name: join, type: add, from: [conv2, shortcut]}
        """,
        ("A0305", 8, 43),
    ),
    (
        "a block that keeps channels used to widen",
        """
        blocks:
          keep:
            params: {channels: {type: int}}
            stages:
              - {name: conv, type: conv, out_channels: $channels, kernel_size: 3, padding: 1}
              - {name: join, type: add, from: [input, conv]}
        stages:
          - {name: wide, type: keep, channels: 6}
        """,
        ("A0304", 9, 47),
    ),
    (
        "a stride on the body and an identity shortcut",
        """
        stages:
          - {name: stem, type: conv, out_channels: 16, kernel_size: 3, padding: 1}
          - {name: layer, type: residual, out_channels: 16, stride: 2, shortcut: identity}
        """,
        ("A0305", 6, 74),
    ),
    (
        "the input size of a linear layer written by hand",
        """
        stages:
          - {name: flatten, type: flatten}
          - {name: fc, type: linear, in_features: 6400, out_features: 10}
        """,
        ("A0101", 6, 30),
    ),
    (
        "a flatten size that no longer fits the input",
        """
        stages:
          - {name: pool, type: max_pool, kernel_size: 2}
          - {name: flatten, type: flatten, expect: [6400]}
          - {name: fc, type: linear, out_features: 10}
        """,
        ("A0505", 6, 44),
    ),
]


@pytest.mark.parametrize(("text", "place"), [row[1:] for row in REAL], ids=[row[0] for row in REAL])
def test_real_mistakes_of_real_networks(text: str, place: tuple[str, int, int]) -> None:
    assert found(PICTURE + dedent(text).lstrip()) == [place]


def test_a_size_written_by_hand_is_told_to_be_inferred() -> None:
    assert "inferred" in one(FEATURES + "  - {type: linear, in_features: 6, out_features: 2}").help


def test_four_independent_mistakes_are_four_diagnostics() -> None:
    text = STAGES + dedent("""\
      - {name: conv1, type: conv, out_channels: 16, kernel_sise: 3}
      - {name: norm, type: batch_nrom}
      - {name: drop, type: dropout, p: 2}
      - {name: join, type: add, from: [drop, conv2]}
    """)
    assert found(text) == [("A0101", 5, 47), ("A0105", 6, 22), ("A0104", 7, 34), ("A0401", 8, 40)]


def test_what_follows_from_a_mistake_is_not_reported() -> None:
    text = STAGES + dedent("""\
      - {name: conv1, type: conv, out_channels: x, kernel_size: 3}
      - {name: conv2, type: conv, out_channels: 8, kernel_size: 3, padding: 1, groups: 3}
      - {name: join, type: add, from: [conv1, conv2]}
      - {name: fc, type: linear, out_features: 3}
    expect: {conv1: [8, 30, 30], conv1.deep: [1], fc: [3]}
    """)
    assert [code for code, _, _ in found(text)] == ["A0103", "A0302", "A0309"]


KEPT = PICTURE + dedent("""\
params: {width: 8, n: 2}
blocks:
  body: {params: {w: {type: int}}, stages: [{type: conv, out_channels: $w, kernel_size: 1}]}
defaults: {residual: {out_channels: 8}}
stages:
  - {name: a, type: body, w: $width}
  - {name: b, stages: [{name: "c${i + 1}", type: residual, stride: 2, repeat: $n, inline: true}]}
  - {name: d, type: max_pool, kernel_size: 3, padding: 1, stride: 2, expect: [8, 8, 8]}
  - {name: e, type: relu, expect: [8, 8, 8]}
  - {name: f, repeat: 2, stages: [{type: conv, out_channels: "${8 + i}", kernel_size: 1}]}
outputs: {y: f, z: e}
expect: {b: [8, 16, 16], f.0: [8, 8, 8]}
""")


def test_the_spec_that_is_spoilt_below_is_right() -> None:
    assert found(KEPT) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("params: {width", "parms: {width"),
        ("params: {width: 8, n: 2}", "params: 3"),
        ("blocks:", "block:"),
        ("body: {params: {w: {type: int}}, stages: [{type: conv, out_channels: $w, kernel_size: 1}]}", "body: 3"),
        ("params: {w:", "parms: {w:"),
        ("{type: int}}, stages", "{type: integer}}, stages"),
        ("stages: [{type: conv, out_channels: $w", "stage: [{type: conv, out_channels: $w"),
        ("defaults: {residual: {out_channels", "defaults: {residual: {out_chanels"),
        ("type: body, w: $width", "type: body, wi: $width"),
        ("type: body, w: $width", "type: bdy, w: $width"),
        ("type: residual", "typ: residual"),
        ("type: residual", "type: resdual"),
        ("stride: 2, repeat", "strid: 2, repeat"),
        ("stride: 2, repeat", "zz: 2, repeat"),
        ("repeat: $n", "repat: $n"),
        ("repeat: $n", "repeat: many"),
        ("inline: true", "inline: yes"),
        ("inline: true", "inlin: true"),
        ("kernel_size: 3, padding", "size: 3, padding"),
        ("kernel_size: 3, padding: 1, stride: 2", "kernel_size: 3, padding: 1, stride: 1"),
        ("kernel_size: 3, padding: 1, stride: 2", "kernel_size: 3, padding: 2, stride: 2"),
        ("- {name: f, repeat: 2", "- {name: f, repeats: 2"),
        ("outputs: {y: f", "outputs: {y: g"),
        ("input: {channels: 3, height", "input: {chanels: 3, height"),
        ("input: {channels: 3, height: 32", "input: {channels: 3, height: 1e999"),
    ],
)
def test_one_slip_is_one_diagnostic(right: str, wrong: str) -> None:
    assert KEPT.count(right) == 1
    assert len(found(KEPT.replace(right, wrong))) == 1


def test_a_wrong_input_does_not_hide_other_mistakes() -> None:
    text = HEAD + "input: {channels: 3, height: 3}\nstages:\n  - {type: relu, p: 1}\n"
    assert [code for code, _, _ in found(text)] == ["A0109", "A0101"]


def test_mistakes_in_a_repeat_are_counted() -> None:
    diagnostic = one(STAGES + "  - {name: a, repeat: 4, stages: [{type: dropout, p: 2}]}")
    assert diagnostic.path == "a.0.0"
    assert diagnostic.notes == ("and at 3 more stages made of the same text",)


def test_a_repeat_whose_count_is_unknown_is_checked_inside() -> None:
    text = STAGES + "  - {name: a, repeat: x, stages: [{type: dropout, p: 2}]}"
    assert found(text) == [("A0103", 5, 23), ("A0104", 5, 54)]


USED = PICTURE + dedent("""\
blocks:
  widen:
    params: {width: {type: int}, p: 0.5}
    stages:
      - {name: conv, type: conv, out_channels: $width, kernel_size: 1}
      - {name: drop, type: dropout, p: $p}
stages:
  - {name: first, type: widen, width: 4}
""")


def test_a_bad_argument_is_blamed_at_the_use_with_a_label_in_the_definition() -> None:
    diagnostic = one(USED + "  - {name: second, type: widen, width: 0}")
    assert str(diagnostic.span) == "<stdin>:12:40"
    assert [(str(label.span), label.text) for label in diagnostic.labels] == [
        ("<stdin>:8:48", "in the definition of `widen`")
    ]
    assert diagnostic.path == "second.conv"


def test_a_bad_definition_is_blamed_itself_with_a_label_at_the_use() -> None:
    diagnostic = one(USED.replace("p: $p", "p: 7"))
    assert str(diagnostic.span) == "<stdin>:9:40"
    assert [(str(label.span), label.text) for label in diagnostic.labels] == [("<stdin>:11:25", "`widen` is used here")]


def test_a_mistake_inside_a_shipped_block_is_blamed_at_the_use() -> None:
    diagnostic = one(STAGES + "  - {name: a, type: residual, out_channels: 4, shortcut: identity}")
    assert str(diagnostic.span) == "<stdin>:5:58"
    assert {label.span.file.name for label in diagnostic.labels} == {"<stdin>", "archc/blocks/residual.yaml"}


def test_unused_definitions_are_checked_without_their_arguments() -> None:
    text = USED.replace("type: widen, width: 4", "type: relu").replace("p: $p", "p: $q")
    (diagnostic,) = check(text)
    assert (diagnostic.code, str(diagnostic.span)) == ("A0202", "<stdin>:9:41")
    assert diagnostic.labels == ()


@pytest.mark.parametrize(
    ("setting", "code"),
    [
        ("width", "A0207"),
        ("=3", "A0207"),
        ("width=", "A0207"),
        ("widht=3", "A0206"),
        ("width=wide", "A0103"),
        ("width=1.5", "A0204"),
        ("width=[1, 2]", "A0103"),
        ("width={a: 1}", "A0103"),
        ("width=[", "A0004"),
        ("width=!!python/name:os 3", "A0006"),
        ("width=$other", "A0202"),
        ("width=1e999", "A0008"),
    ],
)
def test_a_bad_setting_is_reported_on_itself(setting: str, code: str) -> None:
    text = PICTURE + "params: {width: 8}\nstages: [{type: conv, out_channels: $width, kernel_size: 1}]"
    (diagnostic,) = check(text, [setting])
    assert (diagnostic.code, diagnostic.span.file.name) == (code, "--set")


def test_a_setting_of_the_wrong_size_is_reported_with_its_use() -> None:
    text = PICTURE + "params: {width: 8}\nstages: [{type: conv, out_channels: $width, kernel_size: 1}]"
    (diagnostic,) = check(text, ["width=0"])
    assert (diagnostic.code, str(diagnostic.span)) == ("A0104", "--set:1:1")
    assert [(label.span.line, label.span.column) for label in diagnostic.labels] == [(5, 37)]


BASE = (
    PICTURE
    + "params: {width: 8}\nstages:\n  - {name: conv, type: conv, out_channels: $width, kernel_size: 1}\n  - {name: act, type: relu}\n"
)
EXTENDS = [
    ("missing file", "extends: none.yaml\nname: net\n", "A0501", 1),
    ("unknown shipped spec", "extends: resnet19\nname: net\n", "A0501", 1),
    ("outside by ..", "extends: ../base.yaml\nname: net\n", "A0501", 1),
    ("outside by a link", "extends: link.yaml\nname: net\n", "A0501", 1),
    ("absolute path", "extends: /etc/hosts.yaml\nname: net\n", "A0501", 1),
    ("link that goes round", "extends: loop.yaml\nname: net\n", "A0501", 1),
    ("number", "extends: 3\nname: net\n", "A0501", 1),
    ("itself", "extends: net.yaml\nname: net\n", "A0502", 1),
    ("unknown upto", "extends: base.yaml\nname: net\nupto: cnov\n", "A0503", 3),
    ("unknown param", "extends: base.yaml\nname: net\nparams: {widht: 3}\n", "A0206", 3),
    ("param of another kind", "extends: base.yaml\nname: net\nparams: {width: wide}\n", "A0103", 3),
    ("block again", "extends: blocks.yaml\nname: net\nblocks: {b: {stages: [{type: relu}]}}\n", "A0110", 3),
]


@pytest.mark.parametrize(("text", "code", "line"), [row[1:] for row in EXTENDS], ids=[row[0] for row in EXTENDS])
def test_a_wrong_variant_is_reported_once(text: str, code: str, line: int, tmp_path: Path) -> None:
    folder = tmp_path / "specs"
    folder.mkdir()
    (tmp_path / "base.yaml").write_text(BASE, encoding="utf-8")
    (folder / "base.yaml").write_text(BASE, encoding="utf-8")
    (folder / "blocks.yaml").write_text(BASE + "blocks: {b: {stages: [{type: relu}]}}\n", encoding="utf-8")
    (folder / "link.yaml").symlink_to(tmp_path / "base.yaml")
    (folder / "loop.yaml").symlink_to("loop.yaml")
    (folder / "net.yaml").write_text(text, encoding="utf-8")
    (diagnostic,) = archc.load(folder / "net.yaml").check()
    assert diagnostic.code == code
    assert diagnostic.span.line == line or diagnostic.span.file.name.endswith("base.yaml")


def test_a_circle_of_two_specs_ends(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("extends: b.yaml\nname: a\n", encoding="utf-8")
    (tmp_path / "b.yaml").write_text("extends: a.yaml\nname: b\n", encoding="utf-8")
    assert [one.code for one in archc.load(tmp_path / "a.yaml").check()] == ["A0502"]


def unknown_types(count: int) -> str:
    return "".join(f"  - {{type: rleu{at}}}\n" for at in range(count))


def test_past_100_mistakes_the_others_are_counted() -> None:
    *listed, last = check(STAGES + unknown_types(120))
    assert [one.code for one in listed] == ["A0105"] * 100
    assert [one.span.line for one in listed] == list(range(listed[0].span.line, listed[0].span.line + 100))
    assert (last.code, last.message) == ("A0003", "20 more mistakes are not listed")
    assert last.span.line == listed[-1].span.line + 1


def test_checking_stops_after_256_mistakes() -> None:
    found = check(STAGES + unknown_types(2000))
    assert len(found) == 101
    assert found[-1].message == "at least 156 more mistakes are not listed"


def test_100_mistakes_are_all_listed() -> None:
    assert [one.code for one in check(STAGES + unknown_types(100))] == ["A0105"] * 100
