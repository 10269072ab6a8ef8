"""Specs written to harm: each ends quickly with a diagnostic, and nothing else is ever raised or printed."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hostile import ENDS, FILES, HEAD, PATHS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from measured import archc_command, measure

import archc
from archc.api import load_with
from archc.diagnostics.render import to_json, to_text
from archc.spec.load import shipped_specs

SECONDS = 1.0
MIB = 256


def validate(folder: Path, *arguments: str, stdin: Path | None = None, codes: tuple[int, ...] = (1,)) -> str:
    """What `archc validate` says: one diagnostic at least, fit to print, in time and in little memory.

    The whole process is measured. What else the machine does can only make it slower, so the best of three counts.
    """
    for _ in range(3):
        figure = measure(archc_command("validate", *arguments), folder, stdin)
        if figure.seconds < SECONDS:
            break
    assert figure.err == ""
    assert figure.code in codes
    assert figure.out.startswith("error[A0") or figure.code == 0
    assert not {unicodedata.category(c) for c in figure.out.replace("\n", "")} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert max(map(len, figure.out.splitlines())) < 1000
    assert figure.mib < MIB
    assert figure.seconds < SECONDS
    return figure.out


@pytest.mark.parametrize("name", list(FILES))
def test_a_hostile_file_ends_soon_with_printable_diagnostics(name: str, tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_bytes(FILES[name])
    validate(tmp_path, "net.yaml")


@pytest.mark.parametrize("name", list(ENDS))
def test_sizes_with_a_long_period_are_decided_soon(name: str, tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(ENDS[name], encoding="utf-8")
    validate(tmp_path, "net.yaml", codes=(0, 1))


@pytest.mark.parametrize("name", list(PATHS))
def test_a_hostile_path_ends_soon_with_a_diagnostic(name: str, tmp_path: Path) -> None:
    said = validate(tmp_path, *PATHS[name](tmp_path))
    assert "hunter2" not in said
    assert "PATH=" not in said


@pytest.mark.parametrize("stdin", ["/dev/zero", "/dev/null", "/dev/urandom"])
def test_standard_input_is_read_no_further_than_a_file(stdin: str, tmp_path: Path) -> None:
    validate(tmp_path, "-", stdin=Path(stdin))


def test_the_corpus_is_large() -> None:
    assert len(FILES) + len(PATHS) >= 150


def test_the_measure_sees_time_memory_and_failure(tmp_path: Path) -> None:
    script = "import sys; data = bytearray(300 * 2**20)\nfor _ in range(3 * 10**7): pass\nsys.exit('failed')"
    figure = measure([archc_command()[0], "-c", script], tmp_path)
    assert figure.mib > 300
    assert figure.seconds > 0.2
    assert figure.code == 1
    assert figure.err == "failed\n"
    assert measure([archc_command()[0], "-S", "-c", "pass"], tmp_path).mib < 100


BOMBS = [
    "chain of blocks",
    "groups in blocks",
    "alias bomb",
    "doubling blocks",
    "doubling blocks 40 deep",
    "doubling blocks that differ",
    "hundredfold blocks",
    "copies of copies",
    "10,000 by 10,000",
    "copies eight deep",
]


@pytest.mark.parametrize("name", BOMBS)
def test_one_bomb_is_one_mistake(name: str) -> None:
    (diagnostic,) = load_with("-", [], FILES[name]).check(warnings=False)
    assert diagnostic.code == "A0003"


@pytest.mark.parametrize("name", ["a\0b.yaml", "a\0b"])
def test_a_path_with_nul_is_a_diagnostic(name: str) -> None:
    (diagnostic,) = load_with(name, []).check(warnings=False)
    assert diagnostic.code == "A0001"


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
