"""Text that YAML refuses: the diagnostic stands where the mistake was made, not where the parser noticed."""

from __future__ import annotations

from textwrap import dedent

import pytest

from archc.api import load_with
from archc.diagnostics import Diagnostic
from archc.misprints import first_misprint


def check(text: str) -> list[Diagnostic]:
    return load_with("-", [], text.encode()).check(warnings=False)


CASES = [
    ("brace of a stage", "stages:\n  - {type: conv, out_channels: 3\n  - {type: relu}\n", "`{` is not closed", 2, 5),
    ("list in a stage", "stages:\n  - {type: conv, kernel_size: [3, 3}\n", "`[` is closed by `}`", 2, 36),
    ("brace over lines", "{\n  a: {\n    b: 1\n  ,\n  c: 3\n}\n", "`{` is not closed", 2, 6),
    ("list over lines", "{\n  a: [1,\n    2\n  ,\n  c: 3\n}\n", "`[` is not closed", 2, 6),
    ("brace that is never closed", "a: {b: 1\n", "`{` is not closed", 1, 4),
    ("stray closer", "{\n  a: 1,\n  b: 1, 2],\n  c: 3\n}\n", "`{` is closed by `]`", 3, 10),
    ("double quote", 'a: "b\nc: d\n', 'the quote `"` is not closed', 1, 4),
    ("single quote", "a: {b: 'c, d: 1}\ne: 'f'\n", "the quote `'` is not closed", 1, 8),
    ("quote that the next one closes", 'a: "${x}\nb: "${y}"\n', 'the quote `"` is not closed', 1, 4),
    ("quote in a value without a colon", "a: {\n  b \"${c}\",\n  d: 1\n}\n", "a key needs `: ` and a value", 2, 3),
    ("tab", "a:\n\tb: 1\n", "the indentation has a tab", 2, 1),
    ("no-break space", "a:\n  b: 1\n\u00a0 c: 2\n  d: 3\n", "the indentation has the character U+00A0", 3, 1),
    ("no-break space before a key", "a: 1\n\u00a0b: 2\n", "the indentation has the character U+00A0", 2, 1),
    ("no colon", "a: 1\nb 2\nc: 3\n", "a key needs `: ` and a value", 2, 1),
    ("no colon in the first line", "archc 1\nname: n\n", "a key needs `: ` and a value", 1, 1),
    ("no colon in a list", "stages:\n  - name a\n    type: relu\n", "a key needs `: ` and a value", 2, 5),
    ("no colon before a comment", "a:\n  - b = 1  # c\n    d: 2\n", "a key needs `: ` and a value", 2, 5),
    ("no space behind the colon", "a:1\nb: 2\n", "a key needs `: ` and a value", 1, 1),
    ("no colon between braces", "{a 1, b: 2}\n", "a key needs `: ` and a value", 1, 2),
    ("equals between braces", "{a=1, b: 2}\n", "a key needs `: ` and a value", 1, 2),
    ("merge conflict", "a: 1\n<<<<<<< HEAD\nb: 2\n=======\nb: 3\n>>>>>>> x\n", "a merge conflict is left in the file", 2, 1),
    ("indented too far", "a: 1\n b: 2\n", "the line is indented too far", 2, 1),
    ("indented too far in a list", "a:\n  - b: 1\n     c: 2\n", "the line is indented too far", 3, 1),
    ("indented too little", "a:\n  b: 1\n c: 2\n", "indented as none before it", 3, 1),
    ("indented too far behind a list", "a: [1]\n  b: 2\n", "indented as none before it", 2, 1),
    ("colon in a value", "a: b\ndoc: see this: that\n", "a value with `: ` in it needs quotes", 2, 6),
    ("no comma", "{a: {b: 1}\n  c: 2}\n", "`,` or `}` is expected", 2, 3),
    ("no comma in a list", "a: [{b: 1} 2]\n", "`,` or `]` is expected", 1, 12),
    ("brace that is not opened", "{\n  a: 1,\n  b: \n    c: 2,\n    d: 3\n  }\n}\n", "no `{` behind `b:`", 3, 3),
    ("no colon in the first line, before a comment", "a 1  # c\nb: 2\n", "a key needs `: ` and a value", 1, 1),
    ("curly quotes", "{a: \u201c${b}\u201d}\n", "needs quotes", 1, 6),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message", "line", "column"), [row[1:] for row in CASES], ids=[row[0] for row in CASES]
)
def test_the_place_is_where_it_was_written_wrongly(text: str, message: str, line: int, column: int) -> None:
    found = next(one for one in check(text) if one.code in ("A0004", "A0007"))
    assert message in found.message
    assert (found.span.line, found.span.column) == (line, column), found.message
    assert found.help


def test_the_help_writes_the_pair() -> None:
    (found,) = (one for one in check("{type: conv, kernel_size=3}") if one.code == "A0004")
    assert "write `kernel_size: 3`" in found.help
    assert "write `b: 2`" in check("a: 1\nb 2\nc: 3\n")[0].help


def test_a_pair_without_a_colon_is_read_as_it_was_meant() -> None:
    text = """\
        archc: 1
        name: net
        input: {channels: 3, height: 8, width: 8}
        stages:
          - {type = conv, out_channels: 4, kernel_size 9}
        """
    assert [(one.code, one.span.line) for one in check(dedent(text))] == [("A0004", 5), ("A0004", 5), ("A0303", 5)]


def test_a_number_without_a_colon_that_is_too_large() -> None:
    assert {"A0004"} <= {one.code for one in check("{archc 1e999}")} <= {"A0004", "A0102"}


@pytest.mark.parametrize(
    "text",
    [
        "a: [1, {b: 2}]\n",
        "a: \"{\"\nb: '['\n",
        "a: it's {not [a bracket\nb: 1\n",
        "a: |\n  {[\"'\n  more {\nb: {c: 1}\n",
        "a: >-\n  {[\nb: 1\n",
        "# {[\na: 1 # [{\n",
        "a: {b: 'it''s', c: \"\\\"\"}\n",
        "{\n  a: [\n    1,\n    2\n  ]\n}\n",
        "- - {a: 1}\n  - [b]\n",
    ],
)
def test_what_is_paired_is_no_misprint(text: str) -> None:
    assert first_misprint(text.split("\n")) is None
