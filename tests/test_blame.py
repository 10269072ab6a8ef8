"""Whom a diagnostic blames: mistakes inside a block or an extended file point at the use and at the definition."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

import archc
from archc.diagnostics import Diagnostic, Span

HEAD = "archc: 1\nname: net\n"
INPUT = "input: {channels: 3, height: 32, width: 32}\n"

BLOCKS = """\
blocks:
  inner: {params: {k: {type: int}, g: 1}, stages: [{name: conv, type: conv, out_channels: 4, kernel_size: $k, groups: $g}]}
  outer: {params: {k: 3}, stages: [{name: first, type: inner, k: $k}]}
"""

Check = Callable[[dict[str, str]], Diagnostic]


@pytest.fixture
def one(tmp_path: Path) -> Check:
    """The only diagnostic of `net.yaml` among some files."""

    def check(files: dict[str, str]) -> Diagnostic:
        for name, text in files.items():
            (tmp_path / name).write_text(dedent(text), encoding="utf-8")
        (found,) = archc.load(tmp_path / "net.yaml").check()
        return found

    return check


def at(span: Span) -> tuple[str, str]:
    """File and text of a span."""
    line = span.file.lines()[span.line - 1]
    return Path(span.file.name).name, line[span.column - 1 : span.end_column - 1]


def labels(found: Diagnostic) -> list[tuple[str, str, str]]:
    return [(*at(label.span), label.text) for label in found.labels]


def test_a_bad_argument_of_a_block_is_blamed_at_the_use(one: Check) -> None:
    found = one({"net.yaml": HEAD + INPUT + BLOCKS + "stages:\n  - {name: a, type: inner, k: 33}\n  - {type: outer}\n"})
    assert (found.code, found.path, at(found.span)) == ("A0303", "a.conv", ("net.yaml", "33"))
    assert labels(found) == [("net.yaml", "$k", "in the definition of `inner`")]


def test_an_argument_that_is_handed_on_is_blamed_at_the_outermost_use(one: Check) -> None:
    found = one({"net.yaml": HEAD + INPUT + BLOCKS + "stages:\n  - {name: a, type: outer, k: 33}\n"})
    assert (found.path, at(found.span)) == ("a.first.conv", ("net.yaml", "33"))
    assert labels(found) == [("net.yaml", "$k", "in the definition of `inner`")]


def test_a_bad_definition_is_blamed_itself(one: Check) -> None:
    blocks = BLOCKS.replace("out_channels: 4", "out_channels: 0")
    found = one({"net.yaml": HEAD + INPUT + blocks + "stages:\n  - {name: a, type: outer}\n"})
    assert (found.code, found.path, at(found.span)) == ("A0104", "a.first.conv", ("net.yaml", "0"))
    assert labels(found) == [("net.yaml", "outer", "`outer` is used here")]


def test_a_bad_default_of_a_parameter_is_blamed_in_the_definition(one: Check) -> None:
    blocks = BLOCKS.replace("k: 3}", "k: 33}")
    found = one({"net.yaml": HEAD + INPUT + blocks + "stages:\n  - {name: a, type: outer}\n"})
    assert at(found.span) == ("net.yaml", "$k")
    assert labels(found) == [
        ("net.yaml", "$k", "in the definition of `inner`"),
        ("net.yaml", "outer", "`outer` is used here"),
    ]


def test_a_bad_argument_of_a_block_that_ships_is_blamed_at_the_use(one: Check) -> None:
    stage = "stages:\n  - {name: a, type: conv_norm_act, out_channels: 4, kernel_size: 33, padding: 0}\n"
    found = one({"net.yaml": HEAD + INPUT + stage})
    assert (found.code, found.path, at(found.span)) == ("A0303", "a.conv", ("net.yaml", "33"))
    (label,) = labels(found)
    assert (label[0], label[2]) == ("conv_norm_act.yaml", "in the definition of `conv_norm_act`")


def test_an_input_that_a_block_that_ships_cannot_take_is_blamed_at_the_use(one: Check) -> None:
    found = one(
        {
            "net.yaml": HEAD
            + "input: {features: 4}\nstages:\n  - {name: a, type: nin, out_channels: 4, kernel_size: 1}\n"
        }
    )
    assert (found.code, at(found.span)) == ("A0301", ("net.yaml", "nin"))
    assert [(file, text) for file, _, text in labels(found)] == [
        ("net.yaml", "the input is (N, 4)"),
        ("nin.yaml", "in the definition of `nin`"),
    ]


def test_a_block_that_another_block_is_given_is_blamed_where_it_was_given(one: Check) -> None:
    stage = "stages:\n  - {name: a, type: nin, out_channels: 4, kernel_size: 1, act: {type: hardtanh, min_val: 2}}\n"
    found = one({"net.yaml": HEAD + INPUT + stage})
    assert (found.code, at(found.span)) == ("A0104", ("net.yaml", "2"))


def test_a_bad_value_of_defaults_is_blamed_in_defaults(one: Check) -> None:
    text = HEAD + INPUT + "defaults: {batch_norm: {eps: 0}}\nstages:\n  - {type: conv_norm_act, out_channels: 4}\n"
    found = one({"net.yaml": text})
    assert (found.code, at(found.span)) == ("A0104", ("net.yaml", "0"))


# -- extended files -------------------------------------------------------------------------------------------------------

BASE = """\
    archc: 1
    name: base
    input: {channels: 3, height: 32, width: 32}
    params: {groups: 1, kernel: 3}
    blocks:
      body: {params: {g: 1}, stages: [{name: conv, type: conv, out_channels: 6, kernel_size: 3, groups: $g}]}
    stages:
      - {name: a, type: body, g: $groups}
      - {name: b, type: conv, out_channels: 4, kernel_size: $kernel}
    """
VARIANT = "archc: 1\nextends: base.yaml\nname: net\n"
EXTENDED = ("net.yaml", "base.yaml", "extended here")


def test_a_mistake_in_an_extended_file_is_blamed_there_and_at_extends(one: Check) -> None:
    found = one({"base.yaml": BASE.replace("out_channels: 4", "out_channels: 0"), "net.yaml": VARIANT})
    assert (found.code, at(found.span)) == ("A0104", ("base.yaml", "0"))
    assert labels(found) == [EXTENDED]


def test_a_param_of_the_variant_that_spoils_a_stage_of_the_base(one: Check) -> None:
    found = one({"base.yaml": BASE, "net.yaml": VARIANT + "params: {kernel: 33}\n"})
    assert (found.code, at(found.span)) == ("A0303", ("base.yaml", "$kernel"))
    assert labels(found) == [EXTENDED]


def test_a_param_of_the_variant_that_spoils_a_block_of_the_base(one: Check) -> None:
    found = one({"base.yaml": BASE, "net.yaml": VARIANT + "params: {groups: 2}\n"})
    assert (found.code, found.path, at(found.span)) == ("A0302", "a.conv", ("base.yaml", "$groups"))
    assert labels(found) == [("base.yaml", "$g", "in the definition of `body`"), EXTENDED]


def test_an_input_of_the_variant_that_is_too_small_for_the_base(one: Check) -> None:
    found = one({"base.yaml": BASE, "net.yaml": VARIANT + "input: {channels: 3, height: 4, width: 9}\n"})
    assert (found.code, found.path) == ("A0303", "b")
    assert "the padded input has 2" in found.label
    assert labels(found) == [EXTENDED]


def test_a_block_of_the_base_that_the_variant_uses_wrongly(one: Check) -> None:
    found = one({"base.yaml": BASE, "net.yaml": VARIANT + "stages: [{name: c, type: body, g: 5}]\n"})
    assert (found.code, found.path, at(found.span)) == ("A0302", "c.conv", ("net.yaml", "5"))
    assert labels(found) == [("base.yaml", "$g", "in the definition of `body`")]


def test_a_mistake_of_the_variants_own_stages_is_its_own(one: Check) -> None:
    found = one({"base.yaml": BASE, "net.yaml": VARIANT + "stages: [{name: c, type: dropout, p: 2}]\n"})
    assert (at(found.span), labels(found)) == (("net.yaml", "2"), [])


def test_a_value_of_a_variants_param_of_another_kind_is_shown_where_it_is_used(one: Check) -> None:
    found = one({"base.yaml": BASE, "net.yaml": VARIANT + "params: {kernel: wide}\n"})
    assert (found.code, at(found.span)) == ("A0103", ("base.yaml", "$kernel"))
    assert "(`wide`)" in found.label
    assert labels(found) == [EXTENDED]


def test_a_chain_of_variants_points_at_the_outermost(one: Check) -> None:
    middle = VARIANT.replace("name: net", "name: middle") + "params: {kernel: 33}\n"
    files = {"base.yaml": BASE, "middle.yaml": middle, "net.yaml": VARIANT.replace("base.yaml", "middle.yaml")}
    found = one(files)
    assert at(found.span) == ("base.yaml", "$kernel")
    assert labels(found) == [("net.yaml", "middle.yaml", "extended here")]


def test_a_free_size_of_the_base_that_the_variants_stages_do_not_take(one: Check) -> None:
    base = BASE.replace("height: 32", "height: {min: 16, default: 32}")
    found = one({"base.yaml": base, "net.yaml": VARIANT + "stages: [{name: c, type: max_pool, kernel_size: 20}]\n"})
    assert (found.code, at(found.span)) == ("A0312", ("base.yaml", "{min: 16, default: 32}"))
    assert ("net.yaml", "max_pool", "refuses it") in labels(found)
    assert "min: 24" in found.help


def test_a_shipped_spec_that_is_extended_wrongly_points_into_the_variant(one: Check) -> None:
    found = one({"net.yaml": "archc: 1\nextends: resnet18\nname: net\nparams: {num_classes: 0}\n"})
    assert (found.code, at(found.span)) == ("A0104", ("resnet.yaml", "$num_classes"))
    assert labels(found) == [("net.yaml", "resnet18", "extended here")]
