"""Several mistakes in one spec: all are told in one run, and little else.

`python -m tests.mutations --several --count 1000` runs many more. Mistakes of YAML itself stop the parser, so they are
not among those that are combined.
"""

from __future__ import annotations

from textwrap import dedent

import pytest
from mutations import several
from mutations.__main__ import told
from mutations.corpus import ROOT, check

COUNT = 120
RECALL = 0.95
EACH = 1.2


@pytest.mark.parametrize("seed", [1, 2])
def test_most_of_several_mistakes_are_told_in_one_run(seed: int) -> None:
    result = several.run(seed, COUNT)
    assert result.mutants == COUNT
    assert all(2 <= len(verdict.mutant.faults) <= 5 for verdict in (*result.lost, *result.stray))
    assert result.recall >= RECALL, told(result, 20)
    assert result.each <= EACH, told(result, 20)


def codes(text: str) -> list[tuple[str, int]]:
    return [(one.code, one.span.line) for one in check(dedent(text), ROOT / "examples")[1]]


HEAD = "archc: 1\nname: net\ninput: {channels: 3, height: 32, width: 32}\n"

RECOVERIES = {
    "a misspelt name is read as a name": (
        HEAD + "stages:\n  - {nmae: a, type: relu}\n  - {type: gelu, from: input}\n  - {type: add, from: [a, b]}\n",
        [("A0101", 5), ("A0401", 7)],
    ),
    "a misspelt field keeps its value": (
        HEAD + "stages:\n  - {type: conv, out_chanels: 7, kernel_size: 3}\n  - {type: channel_shuffle, groups: 2}\n",
        [("A0101", 5), ("A0302", 6)],
    ),
    "a misspelt size of the input": (
        "archc: 1\nname: net\ninput: {channels: 3, hieght: 4, width: 4}\nstages: [{type: max_pool, kernel_size: 5}]\n",
        [("A0101", 3), ("A0303", 4)],
    ),
    "another word for a type": (
        HEAD + "stages:\n  - {kind: flatten}\n  - {type: conv, out_channels: 4, kernel_size: 3}\n",
        [("A0101", 5), ("A0301", 6)],
    ),
    "a base that is not there": (
        "archc: 1\nextends: resnet17\nname: net\nstages:\n  - {type: rleu, form: layer1, expect: 3}\n  - {type: dropout, p: 2}\n",
        [("A0501", 2), ("A0103", 5), ("A0104", 6)],
    ),
    "a base of which one stage is not there": (
        "archc: 1\nextends: resnet18\nupto: layer9\nname: net\ntrain: {epochs: 0}\n",
        [("A0503", 3), ("A0102", 5), ("A0104", 5)],
    ),
    "misspelt extends": (
        "archc: 1\nextneds: resnet18\nname: net\nexpect: {layer4: [511, 7, 7]}\n",
        [("A0101", 2), ("A0505", 4)],
    ),
    "a misspelt size of a variant": (
        "archc: 1\nextends: resnet18\nname: net\ninput: {heigth: 64, width: 64}\nexpect: {layer4: [512, 2, 2]}\n",
        [("A0101", 4)],
    ),
    "a misspelt param of a variant": (
        "archc: 1\nextends: resnet18\nname: net\nparams: {dephts: [1, 1, 1, 1]}\nexpect: {layer4: [512, 7, 8]}\n",
        [("A0206", 4), ("A0505", 5)],
    ),
    "a section of a variant that is no mapping": (
        "archc: 1\nextends: vgg16_bn\nname: net\nparams: 3\nexpect: {features.43: [512, 7, 7]}\n",
        [("A0103", 4)],
    ),
    "a param of the wrong kind, used often": (
        HEAD
        + "params: {width: many}\nstages:\n"
        + '  - {type: conv, out_channels: $width, kernel_size: 1}\n  - {type: conv, out_channels: "${2 * width}", kernel_size: 1}\n',
        [("A0103", 4)],
    ),
    "a param of the wrong kind in an expression": (
        HEAD
        + 'params: {n: many}\nstages:\n  - {type: conv, out_channels: "${2 * n}", kernel_size: 1}\n  - {type: relu, repeat: $n}\n',
        [("A0203", 4)],
    ),
    "an unknown variable, used often": (
        HEAD + "params: {wdith: 8}\nstages:\n" + "  - {type: conv, out_channels: $width, kernel_size: 1}\n" * 6,
        [("A0202", 6)],
    ),
    "an unknown type, used often": (HEAD + "stages:\n" + "  - {type: Conv2d}\n" * 3, [("A0105", 5)]),
    "a built-in type that is defined again": (
        HEAD + "blocks: {conv: {stages: [{type: gelu}]}}\nstages:\n  - {type: residual, out_channels: 8}\n",
        [("A0110", 4)],
    ),
    "a param with a name of the language": (
        HEAD
        + "params: {in_channels: 5}\nstages:\n  - {type: conv, out_channels: 3, kernel_size: 1, groups: $in_channels}\n",
        [("A0107", 4)],
    ),
    "a definition that is no mapping": (
        HEAD + "blocks: {b: 3}\nstages:\n  - {name: a, type: relu}\n  - {type: b, from: [a, input], k: 3}\n",
        [("A0103", 4)],
    ),
    "defaults that are no mapping": (
        HEAD + "defaults: {group_norm: 3}\nstages:\n  - {type: group_norm}\n",
        [("A0103", 4)],
    ),
    "too many inputs say nothing of the stage before": (
        HEAD + "stages:\n  - {type: relu}\n  - {type: gelu, from: [input, input]}\n",
        [("A0405", 6)],
    ),
    "an unknown input of a merge says nothing of how many there are": (
        HEAD + "stages:\n  - {type: relu}\n  - {type: concat, from: [x9]}\n",
        [("A0401", 6)],
    ),
    "an input of a block that a faulty reference was to name": (
        HEAD
        + "blocks: {b: {inputs: [x, y], stages: [{type: add, from: [x, z]}]}}\nstages:\n  - {type: b, from: [input, input]}\n",
        [("A0401", 4)],
    ),
    "a parameter that the definition misspells": (
        HEAD
        + "blocks: {b: {params: {widht: {type: int}}, stages: [{type: conv, out_channels: $width, kernel_size: 1}]}}\n"
        + "stages:\n  - {type: b, width: 3}\n  - {type: b, width: 4}\n",
        [("A0101", 6)],
    ),
    "a field of another type leaves the others as they are": (
        HEAD + "stages:\n  - {type: max_pool, kernel_size: 2, p: 1}\n  - {type: relu, expect: [3, 16, 15]}\n",
        [("A0101", 5), ("A0505", 6)],
    ),
    "sizes are known where the channels are not": (
        HEAD + "stages:\n  - {type: conv, out_channels: x, kernel_size: 3}\n  - {type: max_pool, kernel_size: 31}\n",
        [("A0103", 5), ("A0303", 6)],
    ),
    "a claim tells what a mistake hides": (
        HEAD + "stages:\n  - {type: rleu, expect: [8, 4, 4]}\n  - {type: conv, out_channels: 4, kernel_size: 5}\n",
        [("A0105", 5), ("A0303", 6)],
    ),
    "a claim that holds clears those behind it": (
        HEAD
        + "stages:\n  - {type: relu, expect: [4, 32, 32]}\n  - {type: relu, expect: [3, 32, 32]}\n  - {type: relu, expect: [3, 32, 33]}\n",
        [("A0505", 5), ("A0505", 7)],
    ),
    "a name of the wrong kind may be what is referred to": (
        HEAD + "stages:\n  - {name: 3, type: relu}\n  - {type: gelu, from: input}\n  - {type: add, from: [a, input]}\n",
        [("A0103", 5)],
    ),
    "a name of the wrong kind may be what outputs and claims mean": (
        HEAD + "stages:\n  - {name: 3, type: relu}\n  - {type: gelu}\noutputs: [a]\nexpect: {a: [3, 32, 32]}\n",
        [("A0103", 5)],
    ),
    "outputs of the wrong kind": (
        HEAD + "stages:\n  - {name: a, type: relu}\n  - {name: b, type: gelu, from: input}\noutputs: 3\n",
        [("A0103", 7)],
    ),
    "a misspelt section of a variant": (
        "archc: 1\nextends: vgg16_bn\nname: net\nparms: {norm: none}\nexpect: {features.30: [512, 7, 7]}\n",
        [("A0101", 4)],
    ),
    "an output of the wrong kind": (
        HEAD + "stages:\n  - {name: a, type: relu}\noutputs: {x: 3, y: {from: a, only: training}}\n",
        [("A0103", 6)],
    ),
    "no stages, and a mistake elsewhere": (
        HEAD + "train: {epochs: 1, batch_sze: 3}\n",
        [("A0102", 1), ("A0102", 4), ("A0101", 4)],
    ),
    "upto without extends": ("archc: 1\nname: n\nupto: a\ninput: {height: 3}\n", [("A0109", 3)]),
}


@pytest.mark.parametrize(("text", "wanted"), RECOVERIES.values(), ids=list(RECOVERIES))
def test_one_mistake_hides_and_adds_no_other(text: str, wanted: list[tuple[str, int]]) -> None:
    assert codes(text) == wanted


def test_a_mistake_in_several_places_has_labels_at_the_others() -> None:
    text = HEAD + "stages:\n" + "  - {type: Conv2d}\n" * 6
    (found,) = check(text)[1]
    assert [(label.span.line, label.text) for label in found.labels] == [(line, "and here") for line in (6, 7, 8)]
    assert found.notes == ("and at 2 more places",)


def test_an_input_of_a_block_is_shown_where_it_is_passed() -> None:
    text = HEAD + dedent("""\
        blocks: {b: {inputs: [x, y], stages: [{type: add, from: [x, y]}]}}
        stages:
          - {name: a, type: conv, out_channels: 5, kernel_size: 1}
          - type: b
            from: [a, input]
        """)
    (found,) = check(text)[1]
    assert found.code == "A0304"
    assert (8, 12) in {(label.span.line, label.span.column) for label in found.labels}
