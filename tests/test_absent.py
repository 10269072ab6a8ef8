"""What no copy of the network has is checked as far as it can be told: stages that `when` keeps out, blocks that nothing uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from archc.api import load

HEAD = "archc: 1\nname: net\ninput: {channels: 8, height: 16, width: 16}\n"


def found(folder: Path, text: str) -> list[tuple[str, str, str]]:
    """(code, message, text at the place) of every finding."""
    path = folder / "net.yaml"
    path.write_text(HEAD + text, encoding="utf-8")
    lines = path.read_text(encoding="utf-8").splitlines()
    return [
        (one.code, one.message, lines[one.span.line - 1][one.span.column - 1 : one.span.end_column - 1])
        for one in load(path).check(warnings=False)
    ]


MISTAKES = {
    "{type: relu, x: 1}": ("A0101", "`relu` has no field `x`", "x"),
    "{type: conv, out_channels: 8}": ("A0102", "`conv` needs `kernel_size`", "conv"),
    "{type: dropout, p: a}": ("A0103", "`p` needs a number", "a"),
    "{type: dropout, p: 2}": ("A0104", "`p` is out of range", "2"),
    "{type: reluu}": ("A0105", "there is no type `reluu`", "reluu"),
    '{type: dropout, p: "${1 +}"}': ("A0201", "the expression ends too early", ""),
    "{name: train, type: relu}": ("A0107", "`train` cannot be a name", "train"),
    "{type: relu, repeat: 0}": ("A0104", "`repeat` is out of range", "0"),
    "{type: relu, expect: 8}": ("A0103", "`expect` needs a list", "8"),
    "{type: relu, names: {a: b}}": ("A0101", "`relu` has no children to rename", "{a: b}"),
    "{type: nin, out_channels: 1, kernel_size: 1, names: {a: b}}": ("A0101", "`nin` has no child `a`", "a"),
    "{type: linear, out_features: 1, init: {w: zeros}}": ("A0101", "linear has no tensor `w`", "w"),
    "{type: relu, init: {}}": ("A0101", "`relu` has no tensors", "{}"),
    "{stages: [{type: relu, x: 1}]}": ("A0101", "`relu` has no field `x`", "x"),
    "{stages: [{type: relu, when: 1}]}": ("A0103", "`when` needs a bool", "1"),
}


@pytest.mark.parametrize("stage", MISTAKES)
@pytest.mark.parametrize(
    ("params", "condition"), [("{}", "false"), ("{k: 0}", '"${k > 0}"')], ids=["literal", "expression"]
)
def test_a_stage_that_a_condition_keeps_out(tmp_path: Path, stage: str, params: str, condition: str) -> None:
    text = f"params: {params}\nstages:\n  - {{type: relu}}\n  - {stage[:-1]}, when: {condition}}}\n"
    ((code, message, place),) = found(tmp_path, text)
    wanted = MISTAKES[stage]
    assert (code, message) == wanted[:2] if code != "A0201" else wanted[0] == code
    assert not wanted[2] or place == wanted[2]


@pytest.mark.parametrize("stage", MISTAKES)
def test_it_is_found_once_where_nothing_uses_the_definition(tmp_path: Path, stage: str) -> None:
    text = f"stages: [{{type: relu}}]\nblocks:\n  b:\n    params: {{k: 0}}\n    stages:\n      - {{type: relu}}\n      - {stage}\n"
    assert [code for code, _, _ in found(tmp_path, text)] == [MISTAKES[stage][0]]


@pytest.mark.parametrize(
    "stage",
    [
        '{type: conv, out_channels: "${16 // k}", kernel_size: $k}',
        '{name: "a${i}", type: conv, repeat: $k, out_channels: "${i + in_channels}", kernel_size: 3}',
        "{type: residual, out_channels: $k, act: {type: leaky_relu, negative_slope: $k}}",
        '{type: none, x: "${k}"}',
        "{type: linear, out_features: 8, expect: [$k, null]}",
    ],
)
def test_what_depends_on_values_is_not_judged(tmp_path: Path, stage: str) -> None:
    text = f'params: {{k: 0}}\nstages:\n  - {{type: relu}}\n  - {stage[:-1]}, when: "${{k > 0}}"}}\n'
    assert found(tmp_path, text) == []


@pytest.mark.parametrize(
    ("block", "wanted"),
    [
        ("batchnorm", ("A0105", "there is no type `batchnorm`", "batchnorm")),
        ("{type: batch_norm, epsilon: 1.0}", ("A0101", "`batch_norm` has no field `epsilon`", "1.0")),
        ("{type: batch_norm, eps: a}", ("A0103", "`eps` needs a number", "a")),
    ],
)
def test_a_block_that_is_passed_and_not_used(tmp_path: Path, block: str, wanted: tuple[str, str, str]) -> None:
    text = f"stages: [{{type: residual, out_channels: 8, shortcut_norm: {block}}}]\n"
    assert found(tmp_path, text) == [wanted]
    projected = text.replace("out_channels: 8", "out_channels: 16")
    assert [code for code, _, _ in found(tmp_path, projected)] == [wanted[0]]


@pytest.mark.parametrize("value", ["$in_channels", "$k", '"${[1, 2]}"'])
def test_a_type_that_is_no_block(tmp_path: Path, value: str) -> None:
    text = f"params: {{k: 1}}\nstages:\n  - {{type: {value}, x: 1}}\n"
    ((code, message, _),) = found(tmp_path, text)
    assert (code, message) == ("A0103", "`type` needs a string")


def test_a_name_that_is_in_no_path_is_a_name_all_the_same(tmp_path: Path) -> None:
    text = "stages: [{name: a b, inline: true, stages: [{type: relu}]}]\n"
    assert found(tmp_path, text) == [("A0107", "`a b` cannot be a name", "a b")]
