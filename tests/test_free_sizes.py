"""Free sizes of the input: what is reported of those that do not work, and that the help mends them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from strategies import random_spec

from archc.api import load_with
from archc.diagnostics import Diagnostic

CONV = {"type": "conv", "out_channels": 4, "kernel_size": 3}
POOL = {"name": "pool", "type": "max_pool", "kernel_size": 2}
UP = {"name": "up", "type": "upsample", "scale_factor": 2}
FLAT = {"name": "flat", "type": "flatten"}
LINEAR = {"name": "fc", "type": "linear", "out_features": 3}
SKIP = [POOL, UP, {"name": "join", "type": "add", "from": ["up", "input"]}]


def text_of(stages: list[dict[str, Any]], axes: dict[str, Any], **more: Any) -> str:
    return json.dumps({"archc": 1, "name": "net", "input": {"channels": 3, **axes}, "stages": stages, **more}, indent=0)


def check(text: str) -> list[Diagnostic]:
    return load_with("-", [], text.encode()).check(warnings=False)


def one(text: str) -> Diagnostic:
    (diagnostic,) = check(text)
    return diagnostic


def axis(default: int, **bounds: int) -> dict[str, int]:
    return {**bounds, "default": default}


MENDED = [
    ("a merge", SKIP, axis(32, min=32), 33, "length: {min: 32, multiple_of: 2, default: 32}"),
    ("a merge, in steps", SKIP, axis(30, multiple_of=3), 3, "length: {multiple_of: 6, default: 30}"),
    ("a window", [CONV, CONV], axis(32), 1, "length: {min: 5, default: 32}"),
    ("a window, in steps", [CONV, CONV], axis(32, multiple_of=4), 4, "length: {min: 8, multiple_of: 4, default: 32}"),
    ("a linear behind a flatten", [{**POOL, "kernel_size": 8}, FLAT, LINEAR], axis(33, min=32), 40, "length: {min: 32, max: 39, default: 33}"),
    ("a linear that takes one size", [FLAT, LINEAR], axis(8, min=8, max=9), 9, "length: 8"),
    ("sizes that no step and least size give", [{**CONV, "out_channels": 3, "stride": 4}, {**UP, "scale_factor": 4},
     {"name": "b", "from": "input", "type": "conv", "out_channels": 3, "kernel_size": 2}, {"type": "add", "from": ["up", "b"]}], axis(9, min=9), 10, "length: 9"),
    ("a gate that stretches", [{**POOL, "type": "avg_pool", "kernel_size": 8}, {"type": "multiply", "from": ["pool", "input"]}], axis(8, min=8), 16, "length: {min: 8, max: 15, default: 8}"),
    ("a reflection", [{"type": "pad", "padding": 4, "mode": "reflect"}], axis(8, min=2), 2, "length: {min: 5, default: 8}"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("stages", "length", "size", "right"), [row[1:] for row in MENDED], ids=[row[0] for row in MENDED]
)
def test_the_help_says_the_bounds_that_are_right(
    stages: list[dict[str, Any]], length: dict[str, int], size: int, right: str
) -> None:
    diagnostic = one(text_of(stages, {"length": length}))
    assert (diagnostic.code, diagnostic.message) == (
        "A0312",
        f"length {size} is allowed, but the network does not take it",
    )
    assert f"write `{right}`" in diagnostic.help
    assert check(text_of(stages, mended(diagnostic))) == []


def mended(diagnostic: Diagnostic) -> dict[str, Any]:
    """The axis as the help writes it."""
    found = re.match(r"write `(\w+): (.*?)`", diagnostic.help)
    assert found is not None, diagnostic.help
    return {found[1]: json.loads(re.sub(r"(\w+):", r'"\1":', found[2]))}


def test_a_merge_shows_both_shapes_and_the_sizes_that_work() -> None:
    diagnostic = one(text_of(SKIP, {"height": axis(32, min=32), "width": 32}))
    assert diagnostic.notes == (
        "at `join`: add joins maps of different size, height 33 meets 32",
        "the inputs are (N, 3, 32, 32) and (N, 3, 33, 32)",
        "valid: multiples of 2 from 2",
    )


def test_a_linear_says_both_widths_and_how_to_take_any_size() -> None:
    diagnostic = one(text_of([FLAT, LINEAR], {"length": axis(8, min=8)}))
    assert diagnostic.notes[0] == "at `fc`: linear takes 24 features, 27 arrive"
    assert "global_avg_pool" in diagnostic.help


def test_a_head_of_training_is_named_as_such() -> None:
    stages = [
        CONV | {"name": "a"},
        {"name": "main", "type": "global_avg_pool"},
        {"name": "aux", "from": "a", **POOL, "kernel_size": 10},
    ]
    stages[2]["name"] = "aux"
    diagnostic = one(
        text_of(stages, {"length": axis(32, min=8)}, outputs={"y": "main", "aux": {"from": "aux", "only": "training"}})
    )
    assert diagnostic.message == "length 8 is allowed, but the network does not take it in training"
    assert "valid in training: every size from 12" in diagnostic.notes


def test_the_stage_that_refuses_is_shown_though_its_block_ships() -> None:
    stages = [
        {"name": "r", "type": "residual", "out_channels": 3},
        {"name": "d", "type": "dense", "growth": 4},
        {"name": "t", "type": "transition"},
    ]
    diagnostic = one(text_of(stages, {"length": axis(32)}))
    assert [label.text for label in diagnostic.labels] == ["refuses it"]
    assert diagnostic.labels[0].span.file.name == "<stdin>"


def test_no_size_is_greater_than_the_greatest() -> None:
    """Thirty halvings leave one row of every size that there is."""
    halving = {"type": "conv", "out_channels": 3, "kernel_size": 3, "stride": 2, "padding": 1}
    assert check(text_of([halving] * 30 + [FLAT, LINEAR], {"length": axis(1)})) == []


# -- two axes together ----------------------------------------------------------------------------------------------------


def test_a_flatten_pins_both_axes() -> None:
    pool = {**POOL, "kernel_size": 4}
    free = {"height": axis(8, min=8, max=11), "width": axis(12, min=12, max=15)}
    assert check(text_of([pool, FLAT, LINEAR], free)) == []
    wrong = {"height": axis(8, min=4, max=11), "width": axis(12, min=12, max=16)}
    assert [one.message[:9] for one in check(text_of([pool, FLAT, LINEAR], wrong))] == ["height 4 ", "width 16 "]


def test_sizes_that_are_right_alone_but_wrong_together() -> None:
    """Each axis alone leaves a multiple of six, 5 times 5 does not."""
    chunk = {"name": "part", "type": "chunk", "chunks": 2, "index": 0}
    axes = {"height": axis(6, min=5, max=7), "width": axis(6, min=5, max=7)}
    diagnostic = one(text_of([FLAT, chunk], axes))
    assert diagnostic.code == "A0312"
    assert diagnostic.message == "height 5 and width 5 are allowed, but the network does not take both"
    assert [label.text for label in diagnostic.labels] == ["allows 5", "refuses it"]
    assert check(text_of([FLAT, chunk], {**axes, "width": 6})) == []


def test_sums_of_flattened_maps_are_decided_together_or_not_at_all() -> None:
    """height · width + 6 · height = 12 · height holds at every height, and at width 6 only."""
    stages = [
        {"name": "a", "type": "flatten"},
        {"name": "thin", "from": "input", "type": "adaptive_avg_pool", "output_size": [2, 2]},
        {"name": "b", "type": "flatten"},
        {"name": "both", "type": "concat", "from": ["a", "b"]},
        {"name": "again", "type": "concat", "from": ["b", "a"]},
        {"name": "sum", "type": "add", "from": ["both", "again"]},
    ]
    axes = {"height": axis(6, min=5), "width": axis(6, min=5)}
    assert [one.code for one in check(text_of(stages, axes))] == ["A0313"]
    bounded = {"height": axis(6, min=5, max=20), "width": axis(6, min=5, max=20)}
    assert check(text_of(stages, bounded)) == []
    assert check(text_of(stages, {**axes, "width": 6})) == []


# -- what is not decided --------------------------------------------------------------------------------------------------

FACTORS = [(13, 11), (17, 7), (19, 23), (29, 31)]
TANGLED = [
    stage
    for up, down in FACTORS
    for stage in (
        {"type": "upsample", "scale_factor": up},
        {"type": "avg_pool", "kernel_size": down, "stride": down},
    )
]


def test_sizes_that_interlock_in_too_many_ways_are_not_taken_at_their_word() -> None:
    diagnostic = one(text_of(TANGLED, {"length": axis(32, min=2)}))
    assert (diagnostic.code, diagnostic.message) == ("A0313", "which sizes of length work is not decided")
    assert check(text_of(TANGLED, {"length": 32})) == []


def test_few_sizes_are_tried_each() -> None:
    assert check(text_of(TANGLED, {"length": axis(32, min=2, max=40)})) == []
    window = [*TANGLED, {"type": "avg_pool", "kernel_size": 100}]
    diagnostic = one(text_of(window, {"length": axis(64, min=2, max=64)}))
    assert (diagnostic.code, diagnostic.message[:12]) == ("A0312", "length 2 is ")


# -- at random ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", range(10))
def test_the_help_mends_random_networks(group: int) -> None:
    """Whatever axes are freed: what is refused is said with bounds under which the spec is right."""
    told = 0
    for seed in range(group * 30, group * 30 + 30):
        spec = random_spec(seed)
        axes = {key: size for key, size in spec["input"].items() if key != "channels"}
        default = {key: size["default"] if isinstance(size, dict) else size for key, size in axes.items()}
        text = {**spec, "input": {**spec["input"], **default}}
        if check(json.dumps(text)):
            continue
        text["input"] |= {key: axis(size) for key, size in default.items()}
        found = check(json.dumps(text))
        assert {one.code for one in found} <= {"A0312"}
        for diagnostic in found:
            told += 1
            text["input"] |= mended(diagnostic)
        assert check(json.dumps(text)) == []
    assert told > 5
