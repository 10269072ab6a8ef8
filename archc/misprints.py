"""What was meant where YAML does not parse: the bracket, quote, colon or indentation that a person would call wrong.

A YAML parser notices many mistakes lines later than they are made; this finds where they were made, by reading the
text once more with a stack of brackets. It is asked only after the parser has refused the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from archc.diagnostics import Diagnostic, Label, SourceFile, Span
from archc.diagnostics.fixes import quoted

CLOSERS: Final = {"{": "}", "[": "]"}
OPENERS: Final = {close: open_ for open_, close in CLOSERS.items()}
CURLY: Final = ("\u201c", "\u201d", "\u2018", "\u2019")
QUOTES: Final = ('"', "'")
CONFLICT: Final = re.compile(r"(?:<{7}|={7}|>{7})(?: |\Z)")
STRANGE_SPACE: Final = re.compile(r" *([\t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\ufeff])")
NAMED: Final = re.compile(r"\$\w+")
"""A variable, which may stand for a number."""
MISSING_COLON: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]*)(?:\s*=\s*|:|\s+)(\S.*)\Z")
"""A key and a value with `=`, a blank or a bare `:` between them."""
_ITEM: Final = re.compile(r"(?:- +)*(?:-\Z)?")
_PAIR: Final = re.compile(r"[^:#]*:(?:\s|\Z)|\s*(?:#|\Z)")
_AFTER_NO_COLON: Final = (
    "mapping values are not allowed",
    "expected '-' indicator",
    "did not find expected key",
    "expected <document start>",
)
_QUOTED_WORD: Final = re.compile(r"(?:^|[{,\[]|- )\s*([A-Za-z_][A-Za-z0-9_.-]*\s+([\"'])[^\"']*\2)\Z")
_PLAIN_PAIR: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]*): +(?=[^ \"'{\[#|>])")
_LAST_KEY: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]*)[\"']?:\s*\Z")
_FIRST_KEY: Final = re.compile(r"\s*([\"']?)[A-Za-z_][A-Za-z0-9_.-]*\1:\Z")
_BLOCK_LINE: Final = re.compile(r"-(?:\s|\Z)|[A-Za-z_][A-Za-z0-9_.-]*\s*:(?:\s|\Z)")


@dataclass(frozen=True, slots=True)
class Problem:
    """What the YAML parser says: where it stopped, and where what it was reading began; lines and columns from 0."""

    text: str
    line: int
    column: int
    context: str = ""
    context_line: int = -1
    context_column: int = 0


@dataclass(frozen=True, slots=True)
class Spot:
    """A character of the text, by line and column from 0."""

    char: str
    line: int
    column: int
    indent: int = 0
    """Of its line."""


@dataclass(frozen=True, slots=True)
class Misprint:
    """An opening character without its partner, and where that shows (None: at the end of the text)."""

    opened: Spot
    shows: Spot | None = None


def explain(file: SourceFile, problem: Problem) -> Diagnostic:
    """The one diagnostic for a text that YAML does not parse."""
    lines = [*file.lines(), ""]
    return (
        _unquoted(file, lines, problem)
        or _strange_space(file, lines, problem)
        or _conflict(file, lines, problem)
        or _unpaired(file, lines, problem)
        or _no_colon(file, lines, problem)
        or _open_quote(file, lines, problem)
        or _second_colon(file, lines, problem)
        or _indentation(file, lines, problem)
        or _comma(file, lines, problem)
        or _as_parsed(file, problem)
    )


def _span(file: SourceFile, line: int, column: int, length: int = 1) -> Span:
    return Span(file, line + 1, column + 1, line + 1, column + 1 + length)


def _unquoted(file: SourceFile, lines: list[str], problem: Problem) -> Diagnostic | None:
    """`${` in a flow collection, whose `{` YAML reads as a mapping."""
    line, opened = lines[min(problem.line, len(lines) - 1)], problem.column - 1
    if opened < 0 or line[opened : opened + 2] != "${" or line[opened - 1 : opened] in ('"', "'"):
        return None
    closed = line.find("}", opened)
    end = closed + 1 if closed > 0 else len(line)
    kind = "straight quotes" if line[opened - 1 : opened] in CURLY else "the quotes"
    return Diagnostic(
        "A0007",
        "an expression inside `{}` or `[]` needs quotes",
        _span(file, problem.line, opened, end - opened),
        "YAML reads its `{` as a mapping",
        help=f'write "{line[opened:end]}" with {kind}',
        fix=quoted(file, problem.line + 1, opened),
    )


def _strange_space(file: SourceFile, lines: list[str], problem: Problem) -> Diagnostic | None:
    """A tab or a no-break space in the indentation, at the parser's line or in what it was reading."""
    first = max(0, problem.context_line)
    for number in [*range(problem.line, first - 1, -1)][:200]:
        found = STRANGE_SPACE.match(lines[number]) if number < len(lines) else None
        if found and lines[number].strip():
            return strange_space(_span(file, number, found.start(1)), found.group(1))
    return None


def strange_space(span: Span, char: str) -> Diagnostic:
    """The diagnostic for a character in the indentation that is not a space."""
    name = "a tab" if char == "\t" else f"the character U+{ord(char):04X}"
    message = f"the indentation has {name}"
    return Diagnostic("A0004", f"invalid YAML: {message}", span, "not a space", help="indent with spaces")


def _conflict(file: SourceFile, lines: list[str], problem: Problem) -> Diagnostic | None:
    """A marker that a merge left."""
    for number in range(max(0, problem.context_line), min(problem.line + 1, len(lines))):
        if CONFLICT.match(lines[number]):
            message = "invalid YAML: a merge conflict is left in the file"
            span = _span(file, number, 0, len(lines[number]))
            return Diagnostic("A0004", message, span, help="keep one of the two sides, and remove the markers")
    return None


def _unpaired(file: SourceFile, lines: list[str], problem: Problem) -> Diagnostic | None:
    """A bracket or quote without its partner, if it shows no later than where the parser stopped."""
    found = first_misprint(lines)
    if found is None:
        return None
    opened, shows = found.opened, found.shows
    noticed = opened.line if opened.char in QUOTES else shows.line if shows else len(lines) - 2
    if noticed > problem.line:
        return None
    at = _span(file, opened.line, opened.column)
    if opened.char in QUOTES:
        help = "close it on its line, or remove it"
        return Diagnostic(
            "A0004", f"invalid YAML: the quote `{opened.char}` is not closed", at, "opened here", help=help
        )
    wanted = CLOSERS[opened.char]
    if (
        shows is not None
        and shows.char in CLOSERS.values()
        and (shows.line == opened.line or shows.column > shows.indent)
    ):
        message = f"invalid YAML: `{opened.char}` is closed by `{shows.char}`"
        there = _span(file, shows.line, shows.column)
        labels = (Label(at, "opened here"),)
        help = f"write `{wanted}`, or add the `{OPENERS[shows.char]}` that it closes"
        return Diagnostic("A0004", message, there, f"`{wanted}` is expected", labels, help=help)
    missing = (Label(_span(file, shows.line, shows.column), f"`{wanted}` is missing before this"),) if shows else ()
    message = f"invalid YAML: `{opened.char}` is not closed"
    return Diagnostic("A0004", message, at, "opened here", missing, help=f"add the `{wanted}`")


def _no_colon(file: SourceFile, lines: list[str], problem: Problem) -> Diagnostic | None:
    """A line of a block mapping that is not `key: value`."""
    if "could not find expected ':'" in problem.text and problem.context_line >= 0:
        return no_colon(file, lines, problem.context_line)
    if not any(text in problem.text for text in _AFTER_NO_COLON):
        return None
    before = problem.line - 1
    while before >= 0 and not lines[before].split("#")[0].strip():
        before -= 1
    text = lines[before].lstrip() if before >= 0 else ""
    if before < 0 or _PAIR.match(text[_end_of_dashes(text) :]) or text[:1] in "{[\"'}]":
        return None
    return no_colon(file, lines, before)


def _end_of_dashes(text: str) -> int:
    found = _ITEM.match(text)
    return found.end() if found else 0


def no_colon(file: SourceFile, lines: list[str], number: int) -> Diagnostic:
    """The diagnostic for a line without `: `."""
    line = lines[min(number, len(lines) - 1)]
    start = len(line) - len(line.lstrip())
    start += _end_of_dashes(line[start:])
    text = line[start:].split(" #")[0].rstrip()
    span = _span(file, number, start, max(1, len(text)))
    return missing_colon(text, span)


def missing_colon(text: str, span: Span) -> Diagnostic:
    """The diagnostic for a key and a value without `: ` between them."""
    found = MISSING_COLON.match(text)
    help = f"write `{found.group(1)}: {found.group(2)[:80]}`" if found else "write `key: value`, or remove it"
    return Diagnostic("A0004", "invalid YAML: a key needs `: ` and a value", span, "no `: ` in it", help=help)


def comma_in_value(text: str, span: Span) -> Diagnostic:
    """The diagnostic for `(3, 3)` and `1,024` in braces, where the comma begins another entry."""
    if text[:1] == "(" and re.search(r"[^\W\d]", NAMED.sub("", text)):
        message, help = "a text with a comma in it needs quotes", "put quotes around it, or `[]` for a list"
    elif text[:1] == "(":
        message, help = "a list stands in `[]`", f"write `[{text[1:-1].strip().rstrip(',')}]`"
    else:
        message, help = "a number has no commas", f"write `{text.replace(',', '')}`"
    return Diagnostic("A0004", f"invalid YAML: {message}", span, "the comma begins another entry", help=help)


def _open_quote(file: SourceFile, lines: list[str], problem: Problem) -> Diagnostic | None:
    """A quote that the parser read to the end of the text, or the colon that is missing before it."""
    if "quoted scalar" not in problem.context or "end of stream" not in problem.text:
        return None
    number, column = problem.context_line, problem.context_column
    word = _QUOTED_WORD.search(lines[number][: column + 1])
    if word:
        return missing_colon(word.group(1), _span(file, number, word.start(1), len(word.group(1))))
    message = "invalid YAML: the quote is not closed"
    return Diagnostic("A0004", message, _span(file, number, column), "opened here", help="close it, or remove it")


def _second_colon(file: SourceFile, lines: list[str], problem: Problem) -> Diagnostic | None:
    """A value in block style with `: ` in it."""
    line = lines[min(problem.line, len(lines) - 1)]
    start = len(line) - len(line.lstrip())
    start += _end_of_dashes(line[start:])
    found = _PLAIN_PAIR.match(line, start)
    if "mapping values are not allowed" not in problem.text or found is None or found.end() > problem.column:
        return None
    text = line[found.end() :].split(" #")[0].rstrip()
    message = "invalid YAML: a value with `: ` in it needs quotes"
    help = f'write `{found.group(1)}: "..."`, or begin a mapping with `{{`'
    return Diagnostic("A0004", message, _span(file, problem.line, found.end(), max(1, len(text))), "", help=help)


def _indentation(file: SourceFile, lines: list[str], problem: Problem) -> Diagnostic | None:
    """A line that is indented too far, or as none of those before it."""
    line = lines[min(problem.line, len(lines) - 1)]
    indent = len(line) - len(line.lstrip(" "))
    span = _span(file, problem.line, 0, max(1, indent))
    before = next((one for one in reversed(lines[: problem.line]) if one.split("#")[0].strip()), "")
    wanted = len(before) - len(before.lstrip(" "))
    wanted += _end_of_dashes(before[wanted:])
    if "mapping values are not allowed" in problem.text and indent > wanted:
        help = f"indent it by {_spaces(wanted)}, as the line before" if wanted else "begin it at the first column"
        return Diagnostic("A0004", "invalid YAML: the line is indented too far", span, _spaces(indent), help=help)
    if any(text in problem.text for text in _AFTER_NO_COLON[1:]) and problem.column == indent and line.strip():
        message = "invalid YAML: the line is indented as none before it that it could belong to"
        help = "align it with the other lines of its list or mapping"
        return Diagnostic("A0004", message, span, _spaces(indent), help=help)
    return None


def _spaces(count: int) -> str:
    return f"{count or 'no'} space{'s' * (count != 1)}"


def _comma(file: SourceFile, lines: list[str], problem: Problem) -> Diagnostic | None:
    """What stands in a flow collection where its next entry or its end is expected."""
    found = re.search(r"expected ',' or '([\]}])'", problem.text)
    if found is None:
        return None
    before = problem.line - 1
    while before >= 0 and not lines[before].split(" #")[0].strip():
        before -= 1
    key = _LAST_KEY.search(lines[before].split(" #")[0]) if before >= 0 else None
    if key and _FIRST_KEY.match(lines[problem.line][: problem.column + 1]):
        span = _span(file, before, key.start(1), len(key.group(1)))
        message = f"invalid YAML: no `{{` behind `{key.group(1)}:`, but entries follow"
        return Diagnostic("A0004", message, span, "its entries begin on the next line", help="add the `{`")
    labels = (Label(_span(file, problem.context_line, problem.context_column), "opened here"),)
    return Diagnostic(
        "A0004",
        f"invalid YAML: `,` or `{found.group(1)}` is expected",
        _span(file, problem.line, problem.column, 0),
        labels=labels if problem.context_line >= 0 else (),
        help="put a `,` between two entries, and quotes around a text with `{}[],:` in it",
    )


def _as_parsed(file: SourceFile, problem: Problem) -> Diagnostic:
    notes = (f"{problem.context} that begins at line {problem.context_line + 1}",) if problem.context else ()
    return Diagnostic(
        "A0004",
        f"invalid YAML: {problem.text}",
        _span(file, problem.line, problem.column, 0),
        notes=notes,
        help="check the indentation, brackets and quotes up to here",
    )


# -- brackets and quotes ------------------------------------------------------------------------------------------------


def first_misprint(lines: list[str]) -> Misprint | None:
    """The first bracket or quote that has no partner: a quote must close on its line, a bracket before a line that is
    indented no further than its own and begins as block style does, or before a closing one that is indented less."""
    stack: list[Spot] = []
    literal = -1
    for number, line in enumerate(lines):
        indent = len(line) - len(line.lstrip(" "))
        if literal >= 0 and (indent > literal or not line.strip()):
            continue
        literal = -1
        if stack and indent <= stack[0].indent and _BLOCK_LINE.match(line[indent:]):
            return Misprint(stack[-1], Spot(line[indent], number, indent))
        found = _read_line(line, number, indent, stack)
        if isinstance(found, Misprint):
            return found
        literal = indent if found else -1
    return Misprint(stack[-1]) if stack else None


def _read_line(line: str, number: int, indent: int, stack: list[Spot]) -> Misprint | bool:
    """Open and close the brackets of a line on the stack; True where a block scalar begins, a misprint where one is."""
    at, fresh = indent, True
    while at < len(line):
        char = line[at]
        spot = Spot(char, number, at, indent)
        if char in " \t":
            at += 1
        elif char == "#" and (at == 0 or line[at - 1] in " \t"):
            return False
        elif fresh and char in QUOTES:
            end = _quoted_end(line, at)
            if end < 0:
                return Misprint(spot)
            at, fresh = end, False
        elif char in "[{" and (fresh or stack):
            stack.append(spot)
            at, fresh = at + 1, True
        elif stack and char in "]}":
            opened = stack.pop()
            strays = at == indent < opened.indent
            if CLOSERS[opened.char] != char or strays:
                return Misprint(opened, spot)
            at, fresh = at + 1, False
        elif (stack and char == ",") or (
            char in ":-?" and line[at + 1 : at + 2] in ("", " ", "\t") and (char == ":" or fresh)
        ):
            at, fresh = at + 1, True
        elif fresh and not stack and char in "|>":
            return True
        else:
            at, fresh = at + 1, False
    return False


def _quoted_end(line: str, start: int) -> int:
    """One past the quote that closes the one at `start`, or -1."""
    quote, at = line[start], start + 1
    while at < len(line):
        if quote == '"' and line[at] == "\\":
            at += 2
        elif line[at] != quote:
            at += 1
        elif quote == "'" and line[at + 1 : at + 2] == "'":
            at += 2
        else:
            return at + 1
    return -1
