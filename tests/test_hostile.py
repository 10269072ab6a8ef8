"""Specs written to harm: each ends quickly with a diagnostic, and nothing else is ever raised or printed."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import archc
from archc.api import load_with
from archc.cli import main
from archc.diagnostics.render import to_json, to_text
from archc.spec.load import shipped_specs

SECONDS = 2.0
HEAD = "archc: 1\nname: net\ninput: {channels: 3, height: 32, width: 32}\n"
RELU = "stages: [{type: relu}]\n"


def lines(template: str, count: int) -> str:
    """`template` once for each number: `#` is the number, `@` the one before it."""
    return "".join(template.replace("#", str(at + 1)).replace("@", str(at)) for at in range(count))


def param(expression: str) -> str:
    return f"{HEAD}params: {{a: '${{{expression}}}'}}\n{RELU}"


TEXTS: dict[str, str] = {
    "open lists": "[" * 200_000,
    "open mappings": "{" * 200_000,
    "items in items": "- " * 100_000,
    "keys in keys": "? " * 100_000,
    "alias bomb": "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + lines("a#: &a# [*a@, *a@, *a@, *a@, *a@, *a@, *a@, *a@, *a@]\n", 9),
    "alias ladder": "a0: &a0 " + "[" * 28 + "]" * 28 + "\n" + lines("a#: &a# " + "[" * 28 + "*a@" + "]" * 28 + "\n", 60),
    "alias in itself": "a: &a [*a]\n",
    "alias of a key": "&a [x]: 1\n",
    "many aliases": "a: &a 1\nb: [" + "*a, " * 200 + "]\n",
    "many keys": lines("key#: 1\n", 12_000),
    "the same key": "key: 1\n" * 20_000,
    "tag": "a: !!python/object/apply:os.system [true]\n",
    "tag directive": "%TAG ! tag:yaml.org,2002:python/\n---\na: !name:os.system\n",
    "merge keys": "a: &a {b: 1}\n<<: *a\n",
    "documents": "a: 1\n---\n" * 1000,
    "long word": "name: " + "a" * 200_000,
    "long name": HEAD + "stages: [{type: relu, name: " + "a" * 4000 + "}]\n",
    "long type": HEAD + "stages: [{type: " + "a" * 4000 + "}]\n",
    "long key": HEAD + "stages: [{type: relu, " + "a" * 1000 + ": 1}]\n",
    "integer": HEAD + "params: {a: " + "9" * 4000 + "}\n" + RELU,
    "float": HEAD + "params: {a: 1e" + "9" * 4000 + "}\n" + RELU,
    "channels": HEAD + "stages: [" + "{type: conv, out_channels: 2147483647, kernel_size: 1}, " * 3 + "]\n",
    "kernel": HEAD + "stages: [{type: conv, out_channels: 1, kernel_size: 2147483647, padding: 1073741823}]\n",
    "padding": HEAD + "stages: [{type: pad, padding: 2147483647}]\n",
    "upsampling": HEAD + "stages: [{type: upsample, scale_factor: 2147483647, repeat: 500}]\n",
    "input": "archc: 1\nname: n\ninput: {channels: 2147483647, height: 1048576, width: 1048576}\n" + RELU,
    "copies": HEAD + "stages: [{type: relu, repeat: 1000000000}]\n",
    "copies of copies": HEAD + "stages: [{repeat: 1000, stages: [{repeat: 1000, stages: [{type: relu}]}]}]\n",
    "copies of nothing": HEAD + "stages: [{repeat: 10000, stages: [{repeat: 10000, stages: [{type: relu, when: false}]}]}]\n",
    "copies in the list": HEAD + "stages: [{inline: true, repeat: 9999, stages: [{inline: true, repeat: 9999, stages: [{type: relu}]}]}]\n",
    "copies of a block": HEAD + "stages: [{type: residual, out_channels: 3, repeat: 10000}]\n",
    "chain of blocks": HEAD + "blocks:\n" + lines("  b@: {stages: [{type: b#}]}\n", 2000) + "stages: [{type: b0}]\n",
    "doubling blocks": HEAD + "blocks:\n" + lines("  b@: {stages: [{type: b#}, {type: b#}]}\n", 20) + "  b20: {stages: [{type: relu}]}\nstages: [{type: b0}]\n",
    "groups in blocks": HEAD + "blocks:\n" + lines("  b@: {stages: [" + "{stages: [" * 12 + "{type: b#}" + "]}" * 12 + "]}\n", 30) + "  b30: {stages: [{type: relu}]}\nstages: [{type: b0}]\n",
    "blocks in a circle": HEAD + "blocks:\n" + lines("  b@: {stages: [{type: b#}]}\n", 20) + "  b20: {stages: [{type: b0}]}\nstages: [{type: b0}]\n",
    "params of a block": HEAD + "blocks:\n  b:\n    params:\n" + lines("      p#: #\n", 3000) + "    stages: [{type: relu}]\nstages: [{type: b, repeat: 3000}]\n",
    "inputs of a merge": HEAD + "stages: [{name: a, repeat: 9000, type: relu}, {type: concat, from: [" + "a.*, " * 5000 + "]}]\n",
    "widening concats": HEAD + "stages:\n  - {name: x0, type: relu}\n" + lines("  - {name: x#, type: concat, from: [x@, x@, x@, x@, x@, x@, x@, x@]}\n", 30),
    "unknown references": HEAD + "stages:\n" + lines("  - {name: name#, type: relu, from: nmae#}\n", 5000),
    "unknown types": HEAD + "stages:\n" + lines("  - {type: rleu#}\n", 8000),
    "unknown variables": HEAD + "params:\n" + lines("  a#: $ab#\n", 10_000) + RELU,
    "a list of 10,000": HEAD + "params: {a: [" + "1, " * 10_000 + "]}\n" + RELU,
    "sums of long lists": HEAD + "params: {a: [" + "1, " * 1000 + "]}\nstages: [{repeat: 5000, type: conv, kernel_size: 1, out_channels: '${sum(a) + sum(a)}'}]\n",
    "lists in lists": HEAD + "params:\n  a0: 1\n" + lines('  a#: "${[a@]}"\n', 3000) + RELU,
    "lists of lists": HEAD + "params:\n  a0: 1\n" + lines('  a#: "${[a@, a@, a@, a@, a@, a@, a@, a@]}"\n', 300) + RELU,
    "doubling text": HEAD + "params:\n  a0: xx\n" + lines("  a#: $a@$a@\n", 60) + RELU,
    "parentheses": param("(" * 4000),
    "brackets": param("[" * 4000),
    "signs": param("-" * 4000 + "1"),
    "conditions": param("1 if true else " * 250 + "1"),
    "multiplication": param("*".join(["9999999999"] * 30)),
    "power": param("9 ** 9 ** 9 ** 9"),
    "attribute": param("(1).__class__.__bases__[0].__subclasses__()"),
    "import": param('__import__("os").system("true")'),
    "lambda": param("(lambda: 1)()"),
    "NUL": HEAD + 'stages: [{type: relu, name: "a\\0b"}]\n',
    "escape sequence": HEAD + 'stages: [{type: "a\\e[31mb", name: "a\\e]0;x\\ab"}]\n',
    "direction": HEAD + 'stages: [{type: "a\\u202eb\\u2066c", from: "x\\u202ey"}]\n',
    "raw direction": HEAD + "stages: [{type: a\u202eb}]\n",
    "raw escape": HEAD + "stages: [{type: a\x1bb}]\n",
    "surrogate": HEAD + 'stages: [{type: "\\ud800"}]\n',
    "lines of its own": HEAD + 'stages: [{type: "a\\nerror[A0001]: all is well\\u2028b"}]\n',
    "extends a system file": "extends: /etc/passwd\n",
    "extends upwards": "extends: ../../../../etc/hosts.yaml\n",
    "extends a long name": f"extends: {'x' * 4000}.yaml\n",
    "extends NUL": 'extends: "a\\0.yaml"\n',
    "extends a device": "extends: /dev/zero.yaml\n",
    "extends nothing": 'extends: ""\n',
    "extends a template": "extends: '${name}.yaml'\n",
}  # fmt: skip
BYTES: dict[str, bytes] = {
    "too large": b"#" * 10_000_000,
    "not UTF-8": b"a: \xff\n",
    "UTF-16": "archc: 1".encode("utf-16"),
    "NUL bytes": b"\0" * 1000,
    "a pickle": b"\x80\x04\x95\x0b\x00\x00\x00",
    "half a character": b"a: \xf0\x9f\x98",
}
HOSTILE = {**{name: text.encode("utf-8", "surrogatepass") for name, text in TEXTS.items()}, **BYTES}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_a_hostile_spec_ends_soon_with_printable_diagnostics(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], within: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    Path("net.yaml").write_bytes(HOSTILE[name])
    with within(SECONDS):
        assert main(["validate", "net.yaml"]) == 1
    printed = capsys.readouterr().out
    assert printed.startswith("error[A0")
    assert not {unicodedata.category(c) for c in printed.replace("\n", "")} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@pytest.mark.parametrize(
    "name", ["chain of blocks", "groups in blocks", "alias bomb", "doubling blocks", "copies of copies"]
)
def test_one_bomb_is_one_mistake(name: str) -> None:
    (diagnostic,) = load_with("-", [], HOSTILE[name]).check(warnings=False)
    assert diagnostic.code == "A0003"


def fifo(folder: Path) -> str:
    os.mkfifo(folder / "pipe.yaml")
    return "pipe.yaml"


def folder_named_as_a_spec(folder: Path) -> str:
    (folder / "folder.yaml").mkdir()
    return "folder.yaml"


def loop(folder: Path) -> str:
    (folder / "loop.yaml").symlink_to("loop.yaml")
    return "loop.yaml"


def dangling(folder: Path) -> str:
    (folder / "link.yaml").symlink_to("nowhere.yaml")
    return "link.yaml"


def extending(name: str) -> Callable[[Path], str]:
    def write(folder: Path) -> str:
        inner = folder / "inner"
        inner.mkdir()
        (folder / "secret.yaml").write_text("token: hunter2\n", encoding="utf-8")
        (inner / "link.yaml").symlink_to(folder / "secret.yaml")
        (inner / "folder").symlink_to(folder, target_is_directory=True)
        os.mkfifo(inner / "pipe.yaml")
        (inner / "net.yaml").write_text(f"extends: {name}\nname: net\n", encoding="utf-8")
        return "inner/net.yaml"

    return write


PATHS: dict[str, Callable[[Path], str]] = {
    "a pipe": fifo,
    "a folder": folder_named_as_a_spec,
    "a link to itself": loop,
    "a link to nothing": dangling,
    "/dev/zero": lambda _: "/dev/zero",
    "a name of 5,000 characters": lambda _: "a" * 5000,
    "a path of 5,000 characters": lambda _: "a" * 5000 + ".yaml",
    "a name that is not UTF-8": lambda _: "\udcff.yaml",
    "a name with an escape sequence": lambda _: "a\x1b[31m\u202e.yaml",
    "a name with NUL": lambda _: "a\0b.yaml",
    "a name with a line break": lambda _: "a\nb.yaml",
    "extends a link to the outside": extending("link.yaml"),
    "extends through a linked folder": extending("folder/secret.yaml"),
    "extends upwards": extending("../secret.yaml"),
    "extends a pipe": extending("pipe.yaml"),
}


@pytest.mark.parametrize("name", list(PATHS))
def test_a_hostile_path_ends_soon_with_a_diagnostic(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], within: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    path = PATHS[name](tmp_path)
    with within(SECONDS):
        assert main(["validate", path]) == 1
    printed = capsys.readouterr().out
    assert printed.startswith(("error[A0001]", "error[A0501]"))
    assert "hunter2" not in printed
    assert not {unicodedata.category(c) for c in printed.replace("\n", "")} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


SHIPPED = [path.read_text(encoding="utf-8") for path in shipped_specs().values()]
ALPHABET = "{}[]:,-#&*!|>'\"%@`$ \n\tabeiknorst_0123456789.\u00e9\u202e\U0001f600"


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A shipped spec with lines or characters dropped, doubled, swapped or replaced."""
    text = draw(st.sampled_from(SHIPPED))
    for _ in range(draw(st.integers(1, 4))):
        whole_lines = draw(st.booleans())
        parts = text.splitlines(keepends=True) if whole_lines else list(text)
        if not parts:
            break
        at, other = (draw(st.integers(0, len(parts) - 1)) for _ in range(2))
        change = draw(st.sampled_from(["drop", "double", "swap", "replace"]))
        if change == "drop":
            del parts[at]
        elif change == "double":
            parts.insert(other, parts[at])
        elif change == "swap":
            parts[at], parts[other] = parts[other], parts[at]
        else:
            parts[at] = draw(st.text(ALPHABET, min_size=1, max_size=8))
        text = "".join(parts)
    return text


@given(mutated())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_damaged_spec_gives_a_graph_or_diagnostics(text: str) -> None:
    spec = load_with("-", [], text.encode("utf-8", "surrogatepass"))
    found = spec.check(warnings=False)
    to_text(found).encode()
    to_json(found).encode()
    lines = text.count("\n") + 2
    own = [one.span for one in found if one.span.file.name == "<stdin>"]
    assert all(1 <= span.line <= lines and span.column >= 1 for span in own)
    assert any(one.severity == "error" for one in found) or spec.graph is not None


@given(st.text(ALPHABET, max_size=200) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")))
@settings(max_examples=200, deadline=None)
def test_random_text_gives_diagnostics(text: str) -> None:
    assert load_with("-", [], text.encode("utf-8", "surrogatepass")).check(warnings=False)


def test_nothing_of_a_spec_is_imported_or_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    Path("evil.py").write_text("raise SystemExit('imported')\n", encoding="utf-8")
    text = HEAD + "stages: [{type: evil}, {type: evil.run}, {type: 'os.system'}]\n"
    Path("net.yaml").write_text(text, encoding="utf-8")
    assert [one.code for one in archc.load("net.yaml").check(warnings=False)] == ["A0105"] * 3
