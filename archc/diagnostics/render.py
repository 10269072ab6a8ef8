"""Diagnostics as text for people and as JSON for programs."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from archc.diagnostics.model import Diagnostic, Label, Span, printable
from archc.limits import MAX_MESSAGE, MAX_SHOWN

TAB: Final = 4
LINE: Final = 400
CONTEXT: Final = 40
_COLOURS: Final = {"error": "1;31", "warning": "1;33", "bold": "1", "blue": "1;34", "none": ""}


def safe(text: str, limit: int = MAX_MESSAGE) -> str:
    """`text` on one line, characters that do not print or that change direction escaped, cut at `limit`."""
    text = printable(text[: limit + 1].replace("\n", " "))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def width(text: str) -> int:
    """Columns of a terminal that `text` takes: wide characters two, combining ones none."""
    return sum(
        0 if unicodedata.category(c) in ("Mn", "Me") else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def shown(line: str) -> str:
    """A line of a file as it is printed: hidden characters as `?`, each tab as TAB spaces wherever it stands, so that a
    column's place depends only on what is before it."""
    return "".join(c if c.isprintable() else " " * TAB if c == "\t" else "?" for c in line)


@dataclass(frozen=True, slots=True)
class Painter:
    """Puts colour around text, or none."""

    colour: bool = False

    def __call__(self, text: str, style: str) -> str:
        """`text` in `style`."""
        return f"\033[{_COLOURS[style]}m{text}\033[0m" if self.colour and text and _COLOURS[style] else text


def to_text(diagnostics: Sequence[Diagnostic], colour: bool = False) -> str:
    """All diagnostics as a compiler prints them; past MAX_SHOWN, and one that counts those of a spec, how many more."""
    shown = diagnostics if len(diagnostics) <= MAX_SHOWN + 1 else diagnostics[:MAX_SHOWN]
    blocks = [render(diagnostic, Painter(colour)) for diagnostic in shown]
    if len(diagnostics) > len(shown):
        blocks.append(f"and {len(diagnostics) - len(shown)} more\n")
    return "\n".join(blocks)


def render(diagnostic: Diagnostic, paint: Painter) -> str:
    """One diagnostic: header, place, excerpt with carets and labels, notes, help."""
    severity = diagnostic.severity
    header = paint(f"{severity}[{diagnostic.code}]", severity) + paint(f": {safe(diagnostic.message)}", "bold")
    spots = [Label(diagnostic.span, diagnostic.label), *diagnostic.labels]
    files = list(dict.fromkeys(spot.span.file for spot in spots))
    margin = len(str(max((spot.span.line for spot in spots if spot.span.file.text), default=1)))
    lines = [header]
    for file in files:
        here = [spot for spot in spots if spot.span.file is file]
        arrow = "-->" if file is diagnostic.span.file else ":::"
        place = f"{safe(file.name)}:{here[0].span.line}:{here[0].span.column}" if file.text else safe(file.name)
        lines.append(" " * margin + paint(f"{arrow} ", "blue") + place)
        if file.text:
            lines += _excerpt(here, diagnostic.span, margin, paint, severity)
    bar = " " * (margin + 1) + paint("=", "blue")
    notes = [*([f"in `{diagnostic.path}`"] if diagnostic.path else []), *diagnostic.notes]
    lines += [f"{bar} note: {safe(note)}" for note in notes]
    if diagnostic.help:
        lines.append(f"{bar} help: {safe(diagnostic.help)}")
    return "\n".join(lines) + "\n"


def _excerpt(spots: Sequence[Label], primary: Span, margin: int, paint: Painter, severity: str) -> list[str]:
    text = spots[0].span.file.lines()
    out = [" " * (margin + 1) + paint("|", "blue")]
    numbers = sorted({spot.span.line for spot in spots})
    for at, number in enumerate(numbers):
        if at and number > numbers[at - 1] + 1:
            out.append(paint("...", "blue"))
        line = text[number - 1] if number <= len(text) else ""
        here = sorted((s for s in spots if s.span.line == number), key=lambda s: s.span is not primary)
        cut = _cut(line, here[0])
        out.append(paint(f"{number:>{margin}} | ", "blue") + safe(shown(line[cut : cut + LINE + 1]), LINE))
        for spot in here:
            mark = _marker(line, cut, spot, spot.span is primary, paint, severity)
            out.append(" " * (margin + 1) + paint("| ", "blue") + mark)
    return out


def _cut(line: str, spot: Label) -> int:
    """Where the excerpt of a line begins: at its start, unless the spot would not be seen then."""
    return max(0, spot.span.column - 1 - CONTEXT) if len(line) > LINE and spot.span.column > LINE - CONTEXT else 0


def _marker(line: str, cut: int, spot: Label, primary: bool, paint: Painter, severity: str) -> str:
    start = max(cut, spot.span.column - 1)
    stop = spot.span.end_column - 1 if spot.span.end_line == spot.span.line else len(line)
    indent = width(shown(line[cut:start])[:LINE])
    length = max(1, width(shown(line[start:stop])[: LINE - min(LINE, indent)]))
    mark = ("^" if primary else "-") * length + (f" {safe(spot.text)}" if spot.text else "")
    return " " * indent + paint(mark, severity if primary else "blue")


def to_data(diagnostic: Diagnostic) -> dict[str, Any]:
    """One diagnostic as plain data; lines and columns count from 1, `end_column` is one past the last."""
    span = diagnostic.span
    return {
        "code": diagnostic.code,
        "name": diagnostic.name,
        "severity": diagnostic.severity,
        "file": span.file.name,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
        "path": diagnostic.path,
        "message": safe(diagnostic.message),
        "label": safe(diagnostic.label),
        "labels": [
            {
                "file": label.span.file.name,
                "line": label.span.line,
                "column": label.span.column,
                "message": safe(label.text),
            }
            for label in diagnostic.labels
        ],
        "notes": [safe(note) for note in diagnostic.notes],
        "help": safe(diagnostic.help),
    }


def to_json(diagnostics: Iterable[Diagnostic]) -> str:
    """All diagnostics as a JSON list."""
    return json.dumps([to_data(diagnostic) for diagnostic in diagnostics], indent=2) + "\n"
