"""Diagnostics as text and as JSON: carets under the right characters, nothing that harms a terminal, limits, stable names."""

from __future__ import annotations

import json
import unicodedata

import pytest

from archc.diagnostics import Diagnostic, Label, SourceFile, Span
from archc.diagnostics.excerpt import safe, shown, width
from archc.diagnostics.render import to_json, to_text


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


def rows(text: str, *spots: tuple[int, int, int, int, str]) -> list[str]:
    """The excerpt for spots, each of line, column, end line, end column and label; the first one is the mistake."""
    file = SourceFile("f.yaml", text)
    first, *others = [Label(Span(file, a, b, c, d), label) for a, b, c, d, label in spots]
    printed = to_text([Diagnostic("A0104", "wrong", first.span, first.text, tuple(others))])
    assert all(line == line.rstrip() for line in printed.splitlines())
    return printed.splitlines()[3:]


LONG = "a: 1\nbb:\n  - 1\n  - 22\n  - 3\nc: 4\n"


@pytest.mark.parametrize(
    ("text", "spots", "expected"),
    [
        ("ab: [1,\n  2]\n", [(1, 5, 2, 5, "two")], ["1 | / ab: [1,", "2 | |   2]", "  | |____^ two"]),
        ("ab: [1,\n  2]\n", [(1, 5, 2, 1, "one")], ["1 | ab: [1,", "  |     ^^^ one"]),
        (
            LONG,
            [(2, 1, 5, 6, "all of it"), (3, 5, 3, 6, "this")],
            ["2 | / bb:", "3 | |   - 1", "  | |     - this", "4 | |   - 22", "5 | |   - 3", "  | |_____^ all of it"],
        ),
        (
            "a: 1\n" + "b: 2\n" * 9 + "卷: 3\n",
            [(1, 1, 11, 2, "")],
            [" 1 | / a: 1", " 2 | | b: 2", "...  |", "11 | | 卷: 3", "   | |__^"],
        ),
        (
            LONG,
            [(2, 1, 3, 6, ""), (6, 1, 6, 2, "after")],
            ["2 | / bb:", "3 | |   - 1", "  | |_____^", "...", "6 |   c: 4", "  |   - after"],
        ),
    ],
)
def test_a_stretch_over_lines_has_a_bracket(
    text: str, spots: list[tuple[int, int, int, int, str]], expected: list[str]
) -> None:
    assert rows(text, *spots) == expected


@pytest.mark.parametrize(
    ("spots", "expected"),
    [
        ([(1, 1, 1, 4, "one"), (1, 7, 1, 10, "two")], ["^^^   --- two", "|", "one"]),
        ([(1, 7, 1, 10, "two"), (1, 1, 1, 4, "one")], ["---   ^^^ two", "|", "one"]),
        ([(1, 7, 1, 10, ""), (1, 1, 1, 4, "one")], ["---   ^^^", "|", "one"]),
        ([(1, 7, 1, 10, "two"), (1, 1, 1, 4, "")], ["---   ^^^ two"]),
        (
            [(1, 1, 1, 2, "a"), (1, 3, 1, 4, "b"), (1, 5, 1, 6, "c"), (1, 7, 1, 8, "d")],
            ["^ - - - d", "| | |", "| | c", "| b", "a"],
        ),
        ([(1, 1, 1, 10, "all"), (1, 3, 1, 4, "in it")], ["^^^^^^^^^", "| |", "| in it", "all"]),
        ([(1, 3, 1, 4, "in it"), (1, 1, 1, 10, "all")], ["--^------", "| |", "| in it", "all"]),
        ([(1, 1, 1, 4, "both"), (1, 1, 1, 4, "twice")], ["^^^ both", "|", "twice"]),
    ],
)
def test_several_spots_on_a_line_share_a_row(spots: list[tuple[int, int, int, int, str]], expected: list[str]) -> None:
    assert rows("abcdefghij", *spots) == ["1 | abcdefghij", *(f"  | {row}" for row in expected)]


def test_one_line_between_two_is_shown_and_more_are_not() -> None:
    assert [row[0] for row in rows("a\nb\nc\nd\ne\nf\n", (1, 1, 1, 2, ""), (3, 1, 3, 2, ""), (6, 1, 6, 2, ""))] == [
        *"1 23 .6 "
    ]


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("👩\u200d👧\u200d👦", "👩👧👦"),
        ("👍🏽", "👍"),
        ("❤\ufe0f", "❤"),
        ("1\ufe0f\u20e3", "1\u20e3"),
        ("a\u200db", "a?b"),
        ("\u3164x", "?x"),
        ("\ufe0fx", "\ufe0fx"),
        ("\u200b\u2066\ufeff\u061c", "????"),
        ("é e\u0301 ក្ក 한국 ｱ", "é e\u0301 ក្ក 한국 ｱ"),
    ],
)
def test_what_is_printed_of_a_line(text: str, printed: str) -> None:
    assert shown(text) == printed


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("", 0),
        ("abc", 3),
        ("卷积", 4),
        ("e\u0301", 1),
        ("😀", 2),
        ("🇩🇪", 2),
        ("한", 2),
        ("\u1112\u1161\u11ab", 2),
        ("ｱ", 1),
        ("กำ", 2),
        ("ש\u05b8", 1),
    ],
)
def test_width_is_what_terminals_take(text: str, columns: int) -> None:
    assert width(text) == columns


@pytest.mark.parametrize(
    "before", ["卷积", "e\u0301", "👩\u200d👧", "👍🏽", "❤\ufe0f", "\t", "\u202e", "🇩🇪", "한", "ｱ", "\u3164"]
)
def test_carets_stand_under_the_word_whatever_is_before(before: str) -> None:
    text = f"{before}{before} here {before}x"
    column = text.index("here") + 1
    line, marks = rows(text, (1, column, 1, column + 4, before))[:2]
    assert width(line[: line.index("here")]) == width(marks[: marks.index("^")])
    assert marks.count("^") == 4


def test_colours_are_those_of_severity_and_labels() -> None:
    file = SourceFile("f.yaml", "abcdef")
    span, other = Span(file, 1, 5, 1, 7), Span(file, 1, 1, 1, 3)
    diagnostic = Diagnostic("A0104", "wrong", span, "here", (Label(other, "there"),), ("n",), "h")
    printed = to_text([diagnostic], colour=True).splitlines()
    assert printed[4] == "\033[1;94m  |\033[0m \033[1;94m--\033[0m  \033[1;91m^^\033[0m \033[1;91mhere\033[0m"
    assert printed[6].endswith("\033[1;94mthere\033[0m")
    assert printed[7] == "  \033[1;94m=\033[0m \033[1mnote\033[0m: n"


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
    assert "\033[1;91merror[A0104]\033[0m" in coloured
    for code in ("1;91", "1;94", "1", "0"):
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
