"""The JSON Schema: current, valid, made of every type and field; and whatever it refuses, the validator refuses."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from mutate import ROOT, Sample, check, sample, shipped_samples, verdicts
from test_docs import all_blocks, whole
from test_pages import UNPROVOKED, only

from archc.api import load, plain
from archc.blocks.library import Library
from archc.blocks.primitives import Primitive
from archc.cli import main
from archc.diagnostics import CODES, Report, SourceFile
from archc.schema import json_schema, to_text
from archc.schema.sections import DEFINITION, INPUT, PARAM
from archc.source import parse
from archc.spec.model import STAGE_FIELDS
from archc.spec.parse import DEFINITION_FIELDS, INPUT_FIELDS, PARAM_FIELDS, SPEC_FIELDS

COMMITTED = ROOT / "specs" / "archc.schema.json"
FILES = [*sorted((ROOT / "specs").rglob("*.yaml")), *sorted((ROOT / "examples").glob("*.yaml"))]
LIBRARY = Library({}, Report())
TYPES = {name: found for name in LIBRARY.names() if (found := LIBRARY.find(name)) is not None}
MUTATED = 300


@cache
def validator() -> Draft202012Validator:
    return Draft202012Validator(json_schema(installed=False))


def errors(data: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in validator().iter_errors(data)]


def data_of(text: str) -> Any:
    return sample("net.yaml", text, ROOT).data


def net(*stages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    spec = {"archc": 1, "name": "net", "input": {"channels": 8, "height": 16, "width": 16}, **fields}
    return {**spec, "stages": list(stages)}


def refused(data: Any) -> tuple[bool, bool]:
    """Whether the schema and the validator refuse a spec."""
    return bool(errors(data)), bool(check(data, ROOT / "specs", ROOT / "specs").check(warnings=False))


# -- the file -----------------------------------------------------------------------------------------------------------


def test_the_committed_schema_is_current(regenerate: bool) -> None:
    text = to_text(json_schema(installed=False))
    if regenerate:
        COMMITTED.write_text(text, encoding="utf-8")
    assert COMMITTED.read_text(encoding="utf-8") == text


def test_the_schema_is_one_of_its_dialect() -> None:
    schema = json.loads(COMMITTED.read_text(encoding="utf-8"))
    assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_spec_names_the_schema_in_its_first_line_and_is_valid(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    words, _, target = text.splitlines()[0].partition("$schema=")
    assert words == "# yaml-language-server: "
    assert (path.parent / target).resolve() == COMMITTED
    assert errors(data_of(text)) == []


@pytest.mark.parametrize("code", sorted(set(CODES) - UNPROVOKED))
def test_the_mended_spec_of_every_page_is_valid(code: str) -> None:
    spec = only(code, "yaml", "")
    if spec is None:
        pytest.skip("the page's example is a command")
    assert errors(data_of(spec.text)) == []


@pytest.mark.parametrize(
    "block",
    [block for block in all_blocks("yaml") if not {"broken", "definition", "profile"} & {*block.words}],
    ids=lambda b: b.id,
)
def test_every_spec_of_the_documentation_is_valid(block: Any) -> None:
    assert errors(data_of(whole(block))) == []


# -- what it holds ------------------------------------------------------------------------------------------------------


def test_its_tables_are_those_of_the_validator() -> None:
    assert set(INPUT) == set(INPUT_FIELDS)
    assert set(PARAM) == set(PARAM_FIELDS)
    assert set(DEFINITION) == set(DEFINITION_FIELDS)
    assert json_schema()["properties"].keys() == SPEC_FIELDS.keys()


@pytest.mark.parametrize("name", TYPES)
def test_every_type_has_its_own_fields_and_those_of_every_stage(name: str) -> None:
    found = TYPES[name]
    fields = json_schema(installed=False)["$defs"][f"type.{name}"]["properties"].keys()
    common = set(STAGE_FIELDS) - {"stages"}
    if isinstance(found, Primitive):
        common -= {"names"}
    assert fields - {"init"} == (common | {param.name for param in found.params}) - {"init"}


@pytest.mark.parametrize("name", TYPES)
def test_every_field_is_described_and_shows_its_default(name: str) -> None:
    fields = json_schema(installed=False)["$defs"][f"block.{name}"]["properties"]
    for param in TYPES[name].params:
        told = fields[param.name]["description"]
        assert told.startswith(param.doc)
        assert ("required" in told) == param.required
        assert param.required or "default " in told


@pytest.mark.parametrize("name", TYPES)
def test_a_field_that_a_type_does_not_have_is_refused(name: str) -> None:
    given = {param.name: "$x" for param in TYPES[name].params if param.kind != "string"}
    assert errors(net({"type": name, **given})) == []
    (error,) = errors(net({"type": name, **given, "in_channel": 3}))
    assert "'in_channel' was unexpected" in error


def test_other_types_stay_open() -> None:
    assert errors(net({"type": "my_block", "anything": {"at": "all"}})) == []
    assert errors(net({"type": "$norm", "eps": 1e-3})) == []


@pytest.mark.parametrize("value", ["$x", "${2 * x}", 3])
def test_a_number_may_be_an_expression(value: object) -> None:
    stage = {"type": "conv", "out_channels": value, "kernel_size": [value, 1], "repeat": value, "expect": [value, None]}
    sizes = {"channels": value, "height": {"min": value, "default": value}, "width": value}
    assert errors({**net(stage, budget={"macs": value}), "input": sizes}) == []


WRONG: dict[str, dict[str, Any]] = {
    "a word for a number": net({"type": "conv", "out_channels": "many", "kernel_size": 3}),
    "a number out of range": net({"type": "conv", "out_channels": 0, "kernel_size": 3}),
    "a fraction for an int": net({"type": "conv", "out_channels": 1.5, "kernel_size": 3}),
    "a bool for a number": net({"type": "conv", "out_channels": True, "kernel_size": 3}),
    "a number for a bool": net({"type": "conv", "out_channels": 1, "kernel_size": 3, "bias": 0}),
    "null for a number": net({"type": "conv", "out_channels": None, "kernel_size": 3}),
    "four sizes": net({"type": "conv", "out_channels": 1, "kernel_size": [3, 3, 3, 3]}),
    "no such choice": net({"type": "pad", "padding": 1, "mode": "zeros"}),
    "a number for a block": net({"type": "conv_norm_act", "out_channels": 8, "act": 5}),
    "a field that a passed block lacks": net(
        {"type": "conv_norm_act", "out_channels": 8, "act": {"type": "relu", "x": 1}}
    ),
    "a passed block without a type": net({"type": "conv_norm_act", "out_channels": 8, "act": {"negative_slope": 1.0}}),
    "a child that a block lacks": net({"type": "conv_norm_act", "out_channels": 8, "names": {"bn": "norm"}}),
    "names of a primitive": net({"type": "relu", "names": {}}),
    "init of what has no tensors": net({"type": "relu", "init": {}}),
    "a tensor that a primitive lacks": net(
        {"type": "conv", "out_channels": 1, "kernel_size": 1, "init": {"w": "zeros"}}
    ),
    "no such distribution": net({"type": "conv", "out_channels": 1, "kernel_size": 1, "init": {"weight": "normalish"}}),
    "no such constant": net({"type": "relu"}, init={"conv": {"weight": {"type": "normal", "sd": 1}}}),
    "init of a block": net({"type": "relu"}, init={"residual": {"weight": "zeros"}}),
    "a missing field": net({"type": "conv", "out_channels": 8}),
    "a missing field in a group": net({"name": "g", "stages": [{"type": "conv", "out_channels": 8}]}),
    "neither a type nor stages": net({"name": "a"}),
    "a type and stages": net({"type": "relu", "stages": [{"type": "relu"}]}),
    "a field on a group": net({"stages": [{"type": "relu"}], "stride": 2}),
    "an empty group": net({"stages": []}),
    "a stage that is a word": net({"type": "relu"}) | {"stages": ["relu"]},
    "a field that a stage lacks which `when` keeps out": net({"type": "relu"}, {"type": "relu", "x": 1, "when": False}),
    "a missing field of a stage that `when` keeps out": net({"type": "relu"}, {"type": "conv", "when": False}),
    "a stage that `when` keeps out, in a group that it keeps out": net(
        {"type": "relu"}, {"when": False, "stages": [{"when": 1, "type": "relu"}]}
    ),
    "a claim of a stage that `when` keeps out": net({"type": "relu"}, {"type": "relu", "expect": 8, "when": False}),
    "a repeat of a stage that `when` keeps out": net({"type": "relu"}, {"type": "relu", "repeat": 0, "when": False}),
    "a name of a stage that `when` keeps out": net({"type": "relu"}, {"type": "relu", "name": "a b", "when": False}),
    "init of a stage that `when` keeps out": net(
        {"type": "relu"}, {"type": "linear", "out_features": 1, "init": {"weights": "zeros"}, "when": False}
    ),
    "a field of a block that nothing uses": net(
        {"type": "residual", "out_channels": 8, "shortcut_norm": {"type": "batch_norm", "epsilon": 1.0}}
    ),
    "a claim in a definition that nothing uses": net(
        {"type": "relu"}, blocks={"m": {"stages": [{"type": "relu", "expect": 8}]}}
    ),
    "a name of a group that adds no level": net({"name": "a b", "inline": True, "stages": [{"type": "relu"}]}),
    "a name with a space": net({"name": "a b", "type": "relu"}),
    "an int as a name": net({"name": 1, "type": "relu"}),
    "repeat 0": net({"type": "relu", "repeat": 0}),
    "a word as a condition": net({"type": "relu", "when": "yes"}),
    "an expression for inline": net({"stages": [{"type": "relu"}], "inline": "$x"}),
    "from by number": net({"type": "relu"}, {"type": "relu", "from": -1}),
    "from nothing": net({"type": "relu", "from": []}),
    "a claim that is a number": net({"type": "relu", "expect": 8}),
    "a claim of bools": net({"type": "relu", "expect": [8, True, 16]}),
    "another version": net({"type": "relu"}) | {"archc": 2},
    "a section that does not exist": net({"type": "relu"}, bugdet={"macs": 1}),
    "no name": {key: value for key, value in net({"type": "relu"}).items() if key != "name"},
    "upto alone": net({"type": "relu"}, upto="a"),
    "an input of no form": net({"type": "relu"}) | {"input": {"channels": 3}},
    "a free size without a default": net({"type": "relu"}) | {"input": {"channels": 3, "length": {"min": 1}}},
    "a param called as a field": net({"type": "relu"}, params={"name": 1}),
    "a param without a kind": net({"type": "relu"}, params={"k": {"default": 1}}),
    "a default of another kind": net({"type": "relu"}, params={"k": {"type": "int", "default": "a"}}),
    "a block called as one that ships": net({"type": "relu"}, blocks={"residual": {"stages": [{"type": "relu"}]}}),
    "a block without stages": net({"type": "relu"}, blocks={"mine": {"doc": "nothing"}}),
    "a missing field in a block": net({"type": "m"}, blocks={"m": {"stages": [{"type": "linear"}]}}),
    "no such field in defaults": net({"type": "relu"}, defaults={"batch_norm": {"epsilon": 1}}),
    "an output that is a number": net({"name": "a", "type": "relu"}, outputs={"y": 1}),
    "an output for testing": net({"name": "a", "type": "relu"}, outputs={"y": {"from": "a", "only": "testing"}}),
    "no outputs": net({"type": "relu"}, outputs=[]),
    "a budget below 0": net({"type": "relu"}, budget={"parameters": -1}),
    "a budget in no unit": net({"type": "relu"}, budget={"parameters": "1 MiB"}),
    "a budget that is a word": net({"type": "relu"}, budget={"file_size": "small"}),
    "a loss that does not exist": net({"type": "relu"}, train={"loss": "mean"}),
    "data as a word": net({"type": "relu"}, train={"data": "mnist"}),
    "null for a section": net({"type": "relu"}, budget=None),
    "training without data": net({"type": "relu"}, train={"epochs": 1, "batch_size": 1}),
    "no such optimizer": net({"type": "relu"}, train={"optimizer": {"type": "newton"}}),
    "no learning rate": net(
        {"type": "relu"},
        train={"epochs": 1, "batch_size": 1, "data": {"type": "fashion_mnist"}, "optimizer": {"type": "sgd"}},
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_both_refuse(name: str) -> None:
    assert refused(WRONG[name]) == (True, True)


VARIANTS: dict[str, dict[str, Any]] = {
    "another size": {"archc": 1, "extends": "resnet18", "name": "a", "input": {"height": 64}},
    "a param of the base": {"extends": "resnet18", "params": {"num_classes": 10}},
    "a part of a distribution": {"extends": "resnet18", "init": {"conv": {"weight": {"mode": "fan_in"}}}},
    "stages whose fields `defaults` give": {
        "extends": "resnet18",
        "upto": "layer1",
        "defaults": {"conv": {"kernel_size": 3}},
        "stages": [{"name": "last", "type": "conv", "out_channels": 8}],
    },
    "a section dropped": {"extends": "fashion_mnist/nin", "train": None, "expect": None},
    "a part of a section": {"extends": "fashion_mnist/nin", "train": {"optimizer": {"lr": 0.2}}},
}


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_may_leave_out_what_the_extended_spec_says(name: str) -> None:
    assert refused(VARIANTS[name]) == (False, False)


# -- what it refuses ----------------------------------------------------------------------------------------------------


def samples() -> list[Sample]:
    mended = [spec for code in sorted(set(CODES) - UNPROVOKED) if (spec := only(code, "yaml", "")) is not None]
    small = [one for one in shipped_samples() if "families/" not in one.name and "imagenet/" not in one.name]
    return [*small, *(sample(f"page {at}", spec.text, ROOT / "specs") for at, spec in enumerate(mended))]


def test_what_the_schema_refuses_the_validator_refuses() -> None:
    found = list(verdicts(MUTATED, 1, samples()))
    assert [(one.name, one.told, one.schema) for one in found if one.schema and not one.codes] == []
    by_both = sum(bool(one.schema and one.codes) for one in found)
    assert by_both >= 0.4 * sum(bool(one.codes) for one in found)


# -- the command --------------------------------------------------------------------------------------------------------


def test_the_command_prints_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == json_schema()


def test_a_specs_own_blocks_become_types(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "own.json"
    spec = ROOT / "examples" / "se_resnet.yaml"
    assert main(["schema", str(spec), "-o", str(out)]) == 0
    assert f"wrote {out}" in capsys.readouterr().out
    own = Draft202012Validator(json.loads(out.read_text(encoding="utf-8")))
    data = data_of(spec.read_text(encoding="utf-8"))
    assert list(own.iter_errors(data)) == []
    data["stages"][1]["ration"] = 4
    assert errors(data) == []
    assert [error.message for error in own.iter_errors(data)] == [
        "Additional properties are not allowed ('ration' was unexpected)"
    ]


CHOICES: dict[str, tuple[str, list[Any], list[Any]]] = {
    "one size": ("{type: sizes, default: 3, choices: [3, 5]}", [5, [3, 3], "$k"], []),
    "an int": ("{type: int, default: 3, choices: [3, 5]}", [5, 3.0, "$k"], [4, "3", None, [3]]),
    "a float": ("{type: float, default: 1, choices: [1, 0.5]}", [1.0, 0.5, "$k"], [2, "a", True]),
    "a word": ("{type: string, default: a, choices: [a, b]}", ["b", "$k", "a${k}"], ["c", 1, None]),
    "anything": ("{type: any, default: null, choices: [null, ab, 1]}", [None, "ab", 1, "a${k}"], ["a", 2, [1]]),
}


@pytest.mark.parametrize("name", CHOICES)
def test_choices_of_an_own_block(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    param, right, wrong = CHOICES[name]
    path = tmp_path / "net.yaml"
    path.write_text(
        "archc: 1\nname: net\ninput: {features: 3}\nstages: [{type: m}]\n"
        f"blocks: {{m: {{params: {{k: {param}}}, stages: [{{type: relu}}]}}}}\n"
    )
    assert load(path).check(warnings=False) == []
    assert main(["schema", str(path)]) == 0
    own = Draft202012Validator(json.loads(capsys.readouterr().out))
    data = data_of(path.read_text())
    for values, is_valid in ((right, True), (wrong, False)):
        for value in values:
            data["stages"] = [{"type": "m", "k": value}]
            assert own.is_valid(data) is is_valid, value
            if not is_valid:
                assert check(data, tmp_path, tmp_path).check(warnings=False) != [], value


def test_blocks_of_the_extended_spec_are_own_blocks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.yaml"
    path.write_text("archc: 1\nextends: families/shufflenet_v2\nname: mine\n", encoding="utf-8")
    assert main(["schema", str(path)]) == 0
    assert "type.unit" in json.loads(capsys.readouterr().out)["$defs"]


def test_a_spec_that_only_has_the_wrong_shapes_will_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(json.dumps(net({"type": "flatten"}, {"type": "relu"}, {"type": "max_pool", "kernel_size": 2})))
    assert load(path).check(warnings=False) != []
    assert main(["schema", str(path)]) == 0
    assert capsys.readouterr().err == ""


def test_a_broken_spec_gives_diagnostics(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.yaml"
    path.write_text("archc: 1\nname: net\nstages: 5\n", encoding="utf-8")
    assert main(["schema", str(path)]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "error[A0103]" in printed.err
    assert main(["schema", str(tmp_path / "none.yaml")]) == 1
    assert "error[A0001]" in capsys.readouterr().err


def test_the_spec_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.yaml"
    text = json.dumps(net({"type": "relu"}))
    path.write_text(text, encoding="utf-8")
    for target in (path, tmp_path / "no" / "folder.json", tmp_path):
        assert main(["schema", str(path), "-o", str(target)]) == 1
        assert "error[A0704]" in capsys.readouterr().err
    assert path.read_text(encoding="utf-8") == text


def test_the_text_is_json_with_a_line_for_each_definition() -> None:
    schema = json_schema()
    text = to_text(schema)
    assert json.loads(text) == schema
    assert len(text.splitlines()) > len(schema["$defs"])


def test_a_sample_is_read_as_archc_reads_it() -> None:
    tree, _ = parse(SourceFile("a.yaml", "{a: 017, b: no, c: 1e-3}"))
    assert tree is not None
    assert plain(tree) == {"a": 17, "b": "no", "c": 1e-3}
