"""What a spec's text could do to those who read what archc writes: terminals, logs, generated Python, ONNX files."""

from __future__ import annotations

import ast
import json
import re
import unicodedata
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hostile import HEAD, TEXTS

import archc
from archc.backends.python.allowed import SourceError, check_source
from archc.cli import main
from archc.diagnostics import SpecError

FORMATS = ("text", "concise", "json", "github", "gitlab", "sarif", "junit")
FILE_NAMES = (
    "net.yaml",
    "a\x1b[31m.yaml",
    "a\n::error::b.yaml",
    "a\r::set-output name=x::y.yaml",
    "a\u202eb\u2066.yaml",
    "a\x9b\x07.yaml",
    "a\udcff.yaml",
    "a%0A::error::b,line=1.yaml",
    'a"><x y="&.yaml',
    "a`$(true)`';.yaml",
)
LOUD = [
    "escape sequence",
    "direction",
    "lines of its own",
    "stage with code",
    "name with code",
    "renamed by code",
    "combining characters",
    "an invisible letter",
]
"""Hostile texts whose words are repeated in messages."""


def hidden(text: str) -> set[str]:
    """Characters that a terminal or an editor acts on instead of showing them."""
    return {c for c in text.replace("\n", "") if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")}


def said(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments) == 1
    printed = capsys.readouterr()
    assert printed.err == ""
    return printed.out


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", FILE_NAMES)
def test_nothing_of_a_files_name_acts_on_who_reads(
    format: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        Path(name).write_text(HEAD + "stages: [{type: rleu}]\n", encoding="utf-8")
    except (OSError, ValueError) as error:
        pytest.skip(f"no file can be called so here: {error}")
    check_format(format, said(["validate", "--format", format, name], capsys), 1)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("text", LOUD)
def test_nothing_of_a_specs_text_acts_on_who_reads(
    format: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(TEXTS[text], encoding="utf-8", errors="surrogatepass")
    count = len(archc.load("net.yaml").check(warnings=False))
    check_format(format, said(["validate", "--format", format, "net.yaml"], capsys), count)


def check_format(format: str, printed: str, count: int) -> None:
    """Each finding once, as the format says it, and nothing that is not shown."""
    assert hidden(printed) == set()
    lines = printed.splitlines()
    if format == "text":
        assert sum(line.startswith("error[") for line in lines) == count
    elif format == "concise":
        assert len([line for line in lines if ": error[A" in line]) == len(lines) == count
    elif format == "github":
        assert len(lines) == count
        shape = r"::error file=[^:,]+,line=\d+,endLine=\d+,title=A\d{4} [a-z-]+(,col=\d+,endColumn=\d+)?::.+"
        assert all(re.fullmatch(shape, line) for line in lines)
    elif format == "junit":
        root = ElementTree.fromstring(printed)
        assert [len(case.findall("failure")) for case in root.iter("testcase")] == [1]
    else:
        found = json.loads(printed)
        assert len(found["runs"][0]["results"] if format == "sarif" else found) == count


CODE = "evil_word"
WAYS = [
    f'x"""\nimport {CODE}\n"""',
    f"x'); import {CODE}; ('",
    f"\\\"\"\"{CODE}",
    f"{{{CODE}}}",
    f"x\nimport {CODE}",
    f"x\u2028import {CODE}",
    f"#{CODE}",
    f"__{CODE}__",
    f"{CODE}()",
    f"self.{CODE}",
]  # fmt: skip
PLACES = {
    "doc": "doc: %s\nstages: [{type: relu}]\n",
    "doc of a stage": "stages: [{type: relu, doc: %s}]\n",
    "doc of a block": "blocks: {b: {doc: %s, stages: [{type: relu}]}}\nstages: [{type: b}]\n",
    "doc of a param": "params: {p: {type: int, default: 1, doc: %s}}\nstages: [{type: relu}]\n",
    "a param": "params: {p: %s}\nstages: [{type: relu}]\n",
    "a choice": "params: {p: {type: string, default: %s, choices: [%s]}}\nstages: [{type: relu}]\n",
    "the name": "stages: [{type: relu}]\nname: %s\n",
    "a stage": "stages: [{type: relu, name: %s}]\n",
    "a block": "blocks: {%s: {stages: [{type: relu}]}}\nstages: [{type: %s}]\n",
    "an output": "stages: [{type: relu, name: a}]\noutputs: {%s: a}\n",
    "a rename": "stages: [{type: residual, out_channels: 8, names: {conv1: %s}}]\n",
    "a mode": "stages: [{type: pad, padding: 1, mode: %s}]\n",
    "an activation": "stages: [{type: conv_norm_act, out_channels: 8, act: %s}]\n",
    "an init": "stages: [{type: conv, out_channels: 8, kernel_size: 1, init: {weight: %s}}]\n",
    "an input": "input: {%s: 3}\nstages: [{type: relu}]\n",
}


@pytest.mark.parametrize("place", list(PLACES))
@pytest.mark.parametrize("way", WAYS)
def test_no_text_of_a_spec_becomes_code(place: str, way: str, tmp_path: Path) -> None:
    """It is refused, or the source that is generated is allowed node by node and does not say it as code."""
    quoted = json.dumps(way)
    head = "".join(line for line in HEAD.splitlines(True) if line.partition(":")[0] not in PLACES[place])
    (tmp_path / "net.yaml").write_text(head + PLACES[place].replace("%s", quoted), encoding="utf-8")
    spec = archc.load(tmp_path / "net.yaml")
    try:
        source = spec.to_python()
    except SpecError:
        return
    tree = check_source(source)
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert CODE not in names
    assert all(CODE not in line for line in source.splitlines() if line.lstrip().startswith("#"))


def test_the_check_of_generated_source_can_fail() -> None:
    good = 'class Net(nn.Module):\n    """doc"""\n'
    with pytest.raises(SourceError):
        check_source(f"import torch\nfrom torch import nn\nimport {CODE}\n\n\n{good}")


def test_an_onnx_file_says_the_spec_in_its_metadata_and_nowhere_else(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    text = HEAD + f"doc: {json.dumps(WAYS[0])}\nstages: [{{type: conv, out_channels: 2, kernel_size: 1}}]\n"
    (tmp_path / "net.yaml").write_text(text, encoding="utf-8")
    model = archc.load(tmp_path / "net.yaml").to_onnx()
    onnx.checker.check_model(model, full_check=True)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert metadata["archc.spec"] == text
    del model.metadata_props[:]
    assert CODE.encode() not in model.SerializeToString()
    assert str(tmp_path).encode() not in model.SerializeToString()
    assert all(tensor.data_location == onnx.TensorProto.DEFAULT for tensor in model.graph.initializer)


@pytest.mark.parametrize(
    "name", ["../evil", "/tmp/evil", "a/b", "a\\\\b", "..", ".", "", "a\\nb", "nul\\0", "~", "a" * 300]
)
def test_an_outputs_file_is_never_named_by_a_path_in_the_spec(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    monkeypatch.chdir(inner)
    Path("net.yaml").write_text(f'archc: 1\nname: "{name}"\ninput: {{features: 3}}\nstages: [{{type: relu}}]\n')
    assert main(["compile", "net.yaml", "--python"]) == 1
    assert [path.name for path in tmp_path.rglob("*")] == ["inner", "net.yaml"]


def test_weights_that_no_memory_holds_are_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numpy")
    monkeypatch.setattr("archc.api._memory", lambda: 2**20)
    text = "archc: 1\nname: net\ninput: {features: 1000}\nstages: [{type: linear, out_features: %d, bias: false}]\n"
    (tmp_path / "net.yaml").write_text(text % 262, encoding="utf-8")
    assert archc.load(tmp_path / "net.yaml").state().keys() == {"0.weight"}
    (tmp_path / "net.yaml").write_text(text % 263, encoding="utf-8")
    with pytest.raises(SpecError, match=r"the weights take 0\.0 GiB, this machine has 0\.0 GiB"):
        archc.load(tmp_path / "net.yaml").state()
    assert "Linear(1000, 263" in archc.load(tmp_path / "net.yaml").to_python()
