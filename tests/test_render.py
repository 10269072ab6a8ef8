"""Diagnostics as text and as JSON: carets under the right characters, nothing that harms a terminal, limits, stable names."""

from __future__ import annotations

import json
import unicodedata

import pytest

from archc.diagnostics import Diagnostic, Label, SourceFile, Span
from archc.diagnostics.render import safe, to_json, to_text


def span(text: str, line: int, column: int, end: int, end_line: int | None = None, name: str = "f.yaml") -> Span:
    return Span(SourceFile(name, text), line, column, end_line or line, end)


def carets(text: str, column: int, end: int, end_line: int | None = None) -> str:
    """The line of carets for a stretch of the first line."""
    printed = to_text([Diagnostic("A0104", "wrong", span(text, 1, column, end, end_line))])
    return printed.splitlines()[4].removeprefix("  | ")


@pytest.mark.parametrize(
    ("text", "column", "end", "expected"),
    [
        ("abc def", 5, 8, "    ^^^"),
        ("abc", 1, 2, "^"),
        ("abc", 4, 4, "   ^"),
        ("\tab", 2, 4, "    ^^"),
        ("a\tb\tc", 5, 6, "          ^"),
        ("卷积 b", 4, 5, "     ^"),
        ("a 卷积", 3, 5, "  ^^^^"),
        ("e\u0301 b", 4, 5, "  ^"),
        ("a\ufe0f b", 4, 5, "  ^"),
        ("😀 b", 3, 4, "   ^"),
        ("Ｆ b", 3, 4, "   ^"),
        ("\u202eab", 2, 4, " ^^"),
        ("a\x1bb", 3, 4, "  ^"),
    ],
)
def test_carets_stand_under_the_stretch(text: str, column: int, end: int, expected: str) -> None:
    assert carets(text, column, end) == expected


def test_a_stretch_over_lines_is_marked_to_the_end_of_the_first() -> None:
    assert carets("ab: [1,\n  2]\n", 5, 5, end_line=2) == "    ^^^"


def test_lines_end_where_yaml_ends_them() -> None:
    text = "a: 1\r\nb: 2\u2028c: 3\x85d: 4\re: 5\n"
    printed = to_text([Diagnostic("A0104", "wrong", span(text, 5, 4, 5))])
    assert printed.splitlines()[3:5] == ["5 | e: 5", "  |    ^"]


def test_one_diagnostic_in_full() -> None:
    text = "first: 1\nsecond: 2\nthird: 3\nfourth: 4\n"
    file = SourceFile("net.yaml", text)
    other = SourceFile("block.yaml", "x: 1\n")
    diagnostic = Diagnostic(
        "A0304",
        "branches disagree",
        Span(file, 4, 9, 4, 10),
        "64 meet 128",
        (Label(Span(file, 1, 8, 1, 9), "made here"), Label(Span(other, 1, 4, 1, 5), "and here")),
        ("the first note",),
        "widen one",
        "layer1.0",
    )
    assert to_text([diagnostic]) == (
        "error[A0304]: branches disagree\n"
        " --> net.yaml:4:9\n"
        "  |\n"
        "1 | first: 1\n"
        "  |        - made here\n"
        "...\n"
        "4 | fourth: 4\n"
        "  |         ^ 64 meet 128\n"
        " ::: block.yaml:1:4\n"
        "  |\n"
        "1 | x: 1\n"
        "  |    - and here\n"
        "  = note: in `layer1.0`\n"
        "  = note: the first note\n"
        "  = help: widen one\n"
    )


def test_line_numbers_of_several_digits_are_aligned() -> None:
    text = "a: 1\n" * 120
    file = SourceFile("f.yaml", text)
    diagnostic = Diagnostic(
        "A0104", "wrong", Span(file, 100, 4, 100, 5), labels=(Label(Span(file, 99, 4, 99, 5), "x"),)
    )
    assert to_text([diagnostic]).splitlines()[2:7] == [
        "    |",
        " 99 | a: 1",
        "    |    - x",
        "100 | a: 1",
        "    |    ^",
    ]


def test_a_file_without_text_has_no_excerpt() -> None:
    diagnostic = Diagnostic("A0001", "no such file", span("", 1, 1, 1, name="a.yaml"), help="look again")
    assert to_text([diagnostic]) == "error[A0001]: no such file\n --> a.yaml\n  = help: look again\n"


def test_colour_changes_nothing_but_colour() -> None:
    diagnostic = Diagnostic("A0104", "wrong", span("a: 1", 1, 4, 5), "here", help="mend it")
    plain, coloured = to_text([diagnostic]), to_text([diagnostic], colour=True)
    assert "\033" not in plain
    assert "\033[1;31merror[A0104]\033[0m" in coloured
    for code in ("1;31", "1;34", "1", "0"):
        coloured = coloured.replace(f"\033[{code}m", "")
    assert coloured == plain


HARMFUL = "a\x1b[31mb\x00c\u202ed\u2066e\u061cf\u200bg\ufeffh\x9bi\udcffj\nk\rl\u2028m\u00adn"


def test_harmful_characters_are_escaped_everywhere() -> None:
    file = SourceFile(HARMFUL, f"k: {HARMFUL}")
    diagnostic = Diagnostic("A0104", HARMFUL, Span(file, 1, 1, 1, 2), HARMFUL, (), (HARMFUL,), HARMFUL, HARMFUL)
    printed = to_text([diagnostic])
    categories = {unicodedata.category(c) for c in printed.replace("\n", "")}
    assert not categories & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert len(printed.splitlines()) == 8
    assert "\\u{1b}[31m" in printed
    printed.encode()
    to_json([diagnostic]).encode()


@pytest.mark.parametrize(
    ("text", "expected"), [("a\nb", "a b"), ("a\tb", "a\\u{9}b"), ("é × 卷", "é × 卷"), ("\x7f", "\\u{7f}")]
)
def test_text_is_put_on_one_line(text: str, expected: str) -> None:
    assert safe(text) == expected


def test_messages_are_cut_at_500_characters() -> None:
    assert safe("x" * 500) == "x" * 500
    assert safe("x" * 501) == "x" * 499 + "…"
    printed = to_text([Diagnostic("A0104", "x" * 10_000, span("a", 1, 1, 2), notes=("y" * 10_000,))])
    assert max(map(len, printed.splitlines())) < 530


def test_of_a_long_line_the_part_around_the_mistake_is_shown() -> None:
    text = "[" + ", ".join(str(number) for number in range(5000)) + "]"
    column = text.index("4321") + 1
    printed = to_text([Diagnostic("A0104", "wrong", span(text, 1, column, column + 4))]).splitlines()
    assert len(printed[3]) < 420
    assert printed[3][printed[4].index("^") :].startswith("4321")
    assert printed[4].count("^") == 4


def test_at_most_100_diagnostics_are_printed() -> None:
    many = [Diagnostic("A0104", f"wrong {number}", span("a: 1", 1, 1, 2)) for number in range(103)]
    printed = to_text(many)
    assert printed.count("error[A0104]") == 100
    assert printed.endswith("and 3 more\n")
    assert "more" not in to_text(many[:100])


def test_json_has_stable_names_and_counts_from_one() -> None:
    file = SourceFile("f.yaml", "a: {b: 1}\n")
    diagnostic = Diagnostic(
        "A0104",
        "wrong × 卷",
        Span(file, 1, 5, 1, 6),
        "here",
        (Label(Span(file, 1, 1, 1, 2), "there"),),
        ("n",),
        "h",
        "p.0",
    )
    assert json.loads(to_json([diagnostic])) == [
        {
            "code": "A0104",
            "name": "invalid-value",
            "severity": "error",
            "file": "f.yaml",
            "line": 1,
            "column": 5,
            "end_line": 1,
            "end_column": 6,
            "path": "p.0",
            "message": "wrong × 卷",
            "label": "here",
            "labels": [{"file": "f.yaml", "line": 1, "column": 1, "end_line": 1, "end_column": 2, "message": "there"}],
            "notes": ["n"],
            "help": "h",
            "fix": None,
        }
    ]
    assert json.loads(to_json([])) == []
