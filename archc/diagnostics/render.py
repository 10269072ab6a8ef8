"""Diagnostics as text for people and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from archc.diagnostics.excerpt import Painter, excerpt, safe
from archc.diagnostics.model import Diagnostic, Fix, Label
from archc.limits import MAX_SHOWN


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
    numbers = [spot.span.line for spot in spots if spot.span.file.text]
    margin = len(str(max(numbers, default=1)))
    if diagnostic.span.file.text:
        margin = max(margin, len(str(diagnostic.span.end_line)))
    lines = [header]
    for file in files:
        here = [spot for spot in spots if spot.span.file is file]
        arrow = "-->" if file is diagnostic.span.file else ":::"
        place = f"{safe(file.name)}:{here[0].span.line}:{here[0].span.column}" if file.text else safe(file.name)
        lines.append(" " * margin + paint(f"{arrow} ", "blue") + place)
        if file.text:
            lines += excerpt(here, diagnostic.span, margin, paint, severity)
    bar = " " * (margin + 1) + paint("=", "blue")
    notes = [*([f"in `{diagnostic.path}`"] if diagnostic.path else []), *diagnostic.notes]
    lines += [f"{bar} {paint('note', 'bold')}: {safe(note)}" for note in notes]
    if diagnostic.help:
        lines.append(f"{bar} {paint('help', 'bold')}: {safe(diagnostic.help)}")
    return "\n".join(lines) + "\n"


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
                "end_line": label.span.end_line,
                "end_column": label.span.end_column,
                "message": safe(label.text),
            }
            for label in diagnostic.labels
        ],
        "notes": [safe(note) for note in diagnostic.notes],
        "help": safe(diagnostic.help),
        "fix": _fix_data(diagnostic.fix) if diagnostic.fix is not None else None,
    }


def _fix_data(fix: Fix) -> dict[str, Any]:
    edits = [
        {
            "line": edit.span.line,
            "column": edit.span.column,
            "end_line": edit.span.end_line,
            "end_column": edit.span.end_column,
            "text": edit.text,
        }
        for edit in fix.edits
    ]
    return {"message": safe(fix.message), "edits": edits}


def to_json(diagnostics: Iterable[Diagnostic]) -> str:
    """All diagnostics as a JSON list."""
    return json.dumps([to_data(diagnostic) for diagnostic in diagnostics], indent=2) + "\n"
