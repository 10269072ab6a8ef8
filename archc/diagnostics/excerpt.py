"""Excerpts of files with marks under them: the lines, carets where the mistake is, dashes where it comes from, labels."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from archc.diagnostics.model import Label, Span, printable
from archc.limits import MAX_MESSAGE

TAB: Final = 4
LINE: Final = 400
CONTEXT: Final = 40
_COLOURS: Final = {"error": "1;91", "warning": "1;93", "bold": "1", "blue": "1;94", "none": ""}
_FILLERS: Final = frozenset("\u115f\u1160\u3164\uffa0")
"""Letters that nothing is seen of."""
_LOOKS: Final = re.compile("[\ufe00-\ufe0f\U0001f3fb-\U0001f3ff]")
"""What only changes the look of the character before it, and its width in some terminals: it is left out."""
_EMOJI: Final = re.compile("[\u2600-\u27bf\U0001f000-\U0001faff\ufe0f]")
_JOINER: Final = "\u200d"


def safe(text: str, limit: int = MAX_MESSAGE) -> str:
    """`text` on one line, characters that do not print or that change direction escaped, cut at `limit`."""
    text = printable(text[: limit + 1].replace("\n", " "))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def width(text: str) -> int:
    """Columns of a terminal that `text` takes: wide characters two, combining ones none."""
    return sum(map(_width, text))


def _width(c: str) -> int:
    if " " <= c <= "~":
        return 1
    if unicodedata.category(c) in ("Mn", "Me") or "\u1160" <= c <= "\u11ff" or "\ud7b0" <= c <= "\ud7ff":
        return 0
    return 2 if unicodedata.east_asian_width(c) in "WF" else 1


def cells(line: str, start: int = 0, stop: int | None = None) -> list[str]:
    """What is printed for each character of a line of a file, from `start` to `stop`.

    Hidden characters become `?`, a tab TAB spaces wherever it stands. Of joined emoji each is shown, for terminals do not
    agree on how wide they are together. So a column's place depends only on what is before it.
    """
    return [_cell(line, at) for at in range(start, len(line) if stop is None else min(stop, len(line)))]


def _cell(line: str, at: int) -> str:
    c = line[at]
    if " " <= c <= "~":
        return c
    if c == "\t":
        return " " * TAB
    before, after = line[at - 1 : at], line[at + 1 : at + 2]
    if _LOOKS.match(c) and before and not before.isspace():
        return ""
    if c == _JOINER and _EMOJI.match(before) and _EMOJI.match(after):
        return ""
    return c if c.isprintable() and c not in _FILLERS else "?"


def shown(line: str) -> str:
    """A line of a file as it is printed."""
    return "".join(cells(line))


@dataclass(frozen=True, slots=True)
class Painter:
    """Puts colour around text, or none."""

    colour: bool = False

    def __call__(self, text: str, style: str) -> str:
        """`text` in `style`."""
        return f"\033[{_COLOURS[style]}m{text}\033[0m" if self.colour and text and _COLOURS[style] else text


@dataclass(frozen=True, slots=True)
class _Mark:
    """A stretch of columns under a line, from 0, with the words that belong to it."""

    start: int
    stop: int
    text: str
    primary: bool


def excerpt(spots: Sequence[Label], primary: Span, margin: int, paint: Painter, severity: str) -> list[str]:
    """The lines of one file that `spots` are on, with marks: carets for `primary`, dashes for the others."""
    return _Excerpt(spots, primary, margin, paint, severity).rows()


class _Excerpt:
    def __init__(self, spots: Sequence[Label], primary: Span, margin: int, paint: Painter, severity: str) -> None:
        self.spots, self.primary, self.margin, self.paint, self.severity = spots, primary, margin, paint, severity
        self.lines = spots[0].span.file.lines()
        self.bracket = next((spot for spot in spots if spot.span is primary and self.is_long(spot.span)), None)

    def is_long(self, span: Span) -> bool:
        """Whether a span has something on a later line than its first."""
        last = span.end_line if span.end_column > 1 else span.end_line - 1
        return last > span.line and last <= len(self.lines)

    def rows(self) -> list[str]:
        out = [self.gutter("")]
        numbers = self.numbers()
        for at, number in enumerate(numbers):
            if at and number > numbers[at - 1] + 1:
                out.append(self.paint("...", "blue") + self.bar(numbers[at - 1] + 1, len("...")))
            out += self.line(number)
        return out

    def numbers(self) -> list[int]:
        """The lines to show: those with spots, and what is one line between two of them."""
        found = {spot.span.line for spot in self.spots}
        if self.bracket is not None:
            found |= {self.bracket.span.line + 1, self.last}
        return sorted(found | {number + 1 for number in found if number + 2 in found and number < len(self.lines)})

    @property
    def last(self) -> int:
        """The last line of the span that goes over several."""
        assert self.bracket is not None
        span = self.bracket.span
        return span.end_line if span.end_column > 1 else span.end_line - 1

    def gutter(self, number: str) -> str:
        return self.paint(f"{number:>{self.margin}} |", "blue")

    def bar(self, number: int, used: int = 0) -> str:
        """The column of the bracket beside line `number`, where there is a bracket at all."""
        if self.bracket is None:
            return ""
        sign = "/" if number == self.bracket.span.line else "|" if self.bracket.span.line < number <= self.last else ""
        if used and not sign:
            return ""
        indent = " " * (self.margin + 3 - used if used else 1)
        return indent + (self.paint(sign, self.severity) if sign else " ")

    def line(self, number: int) -> list[str]:
        text = self.lines[number - 1] if number <= len(self.lines) else ""
        here = [spot for spot in self.spots if spot.span.line == number and spot is not self.bracket]
        here.sort(key=lambda spot: spot.span is not self.primary)
        cut = _cut(text, here[0].span) if here else 0
        printed = cells(text, cut, cut + LINE + 1)
        if cut:
            printed[0] = "…"
        if len(printed) > LINE:
            printed[LINE - 1 :] = ["…"]
        row = "".join(printed)
        out = [self.gutter(str(number)) + self.bar(number) + (f" {row}" if row else "")]
        bar = self.bar(number + 1 if self.bracket and number == self.bracket.span.line else number)
        marks = [self.mark(spot, text, cut, printed) for spot in here]
        out += [f"{self.gutter('')}{bar} {row}" for row in self.under(marks)]
        if self.bracket is not None and number == self.last:
            out.append(self.closing(text))
        return out

    def closing(self, text: str) -> str:
        """The row that ends a bracket, with its label."""
        assert self.bracket is not None
        span = self.bracket.span
        stop = span.end_column - 1 if span.end_column > 1 else len(text)
        length = max(1, min(LINE, width("".join(cells(text, 0, min(stop, LINE))))))
        label = f" {safe(self.bracket.text)}" if self.bracket.text else ""
        return f"{self.gutter('')} {self.paint('|' + '_' * length + '^' + label, self.severity)}"

    def mark(self, spot: Label, text: str, cut: int, printed: Sequence[str]) -> _Mark:
        start = max(cut, spot.span.column - 1) - cut
        stop = (spot.span.end_column - 1 if spot.span.end_line == spot.span.line else len(text)) - cut
        indent = width("".join(printed[:start])) + max(0, min(start, LINE) - len(printed))
        length = max(1, width("".join(printed[start:stop])))
        return _Mark(indent, indent + length, safe(spot.text) if spot.text else "", spot.span is self.primary)

    # -- rows below a line ------------------------------------------------------------------------------------------

    def under(self, marks: Sequence[_Mark]) -> list[str]:
        """The marks in one row, the label of the last beside it, the others hanging below."""
        if not marks:
            return []
        ordered = sorted(marks, key=lambda mark: (mark.start, mark.primary))
        beside = ordered[-1] if ordered[-1].stop >= max(mark.stop for mark in ordered) else None
        hanging = [mark for mark in ordered if mark is not beside and mark.text]
        row = self.row([self.drawn(mark) for mark in sorted(ordered, key=lambda mark: mark.primary)])
        if beside is not None and beside.text:
            row += " " + self.paint(beside.text, self.style(beside))
        rows = [row]
        if hanging:
            rows.append(self.row([(mark.start, "|", self.style(mark)) for mark in hanging]))
        while hanging:
            mark = hanging.pop()
            strokes = [(other.start, "|", self.style(other)) for other in hanging if other.start < mark.start]
            rows.append(self.row([*strokes, (mark.start, mark.text, self.style(mark))]))
        return rows

    def style(self, mark: _Mark) -> str:
        return self.severity if mark.primary else "blue"

    def drawn(self, mark: _Mark) -> tuple[int, str, str]:
        return mark.start, ("^" if mark.primary else "-") * (mark.stop - mark.start), self.style(mark)

    def row(self, pieces: Sequence[tuple[int, str, str]]) -> str:
        """Pieces of text at their columns; where two overlap the later one is seen."""
        canvas: dict[int, tuple[str, str]] = {}
        for start, text, style in pieces:
            canvas.update({start + at: (c, style) for at, c in enumerate(text)})
        out, run, style = "", "", "none"
        for column in range(max(canvas, default=-1) + 1):
            c, wanted = canvas.get(column, (" ", "none"))
            if wanted != style:
                out, run, style = out + self.paint(run, style), "", wanted
            run += c
        return out + self.paint(run, style)


def _cut(line: str, span: Span) -> int:
    """Where the excerpt of a line begins: at its start, unless the span would not be seen then."""
    return max(0, span.column - 1 - CONTEXT) if len(line) > LINE and span.column > LINE - CONTEXT else 0
