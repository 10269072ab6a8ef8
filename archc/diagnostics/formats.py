"""Diagnostics for machines: one line each, GitHub annotations, GitLab Code Quality, SARIF, JUnit.

Sources: GitHub's workflow commands, GitLab's Code Quality report format, SARIF 2.1.0 (OASIS), the JUnit XML that CI
servers read. Paths have forward slashes; lines and columns count from 1.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, Final

from archc.diagnostics.codes import CODES
from archc.diagnostics.model import Diagnostic, Span, printable
from archc.diagnostics.render import Painter, render, safe, to_json

SARIF_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
TITLE_LIMIT: Final = 120


def posix(name: str) -> str:
    """A file's name with forward slashes, relative to the working folder where it lies below it."""
    path = PurePath(name)
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    return path.as_posix()


def fingerprints(found: Sequence[Diagnostic]) -> list[str]:
    """A stable, unique name for each: of code, file, stage and the text it stands on, not of its line's number."""
    seen: Counter[str] = Counter()
    names = []
    for diagnostic in found:
        lines, at = diagnostic.span.file.lines(), diagnostic.span.line - 1
        text = lines[at].strip() if at < len(lines) else ""
        key = "\0".join((diagnostic.code, posix(diagnostic.span.file.name), diagnostic.path, text, diagnostic.message))
        names.append(hashlib.sha256(f"{key}\0{seen[key]}".encode()).hexdigest())
        seen[key] += 1
    return names


def summary(diagnostic: Diagnostic) -> str:
    """The message with its label and help, on one line."""
    parts = [diagnostic.message, diagnostic.label, f"help: {diagnostic.help}" if diagnostic.help else ""]
    return safe("; ".join(part for part in parts if part))


def to_concise(found: Sequence[Diagnostic], files: Sequence[str]) -> str:
    """`FILE:LINE:COLUMN: error[CODE]: message`, one line each, as editors read it."""
    rows = (
        f"{d.span}: {d.severity}[{d.code}]: {safe(d.message)}" + (f" ({safe(d.label)})" if d.label else "")
        for d in found
    )
    return "".join(f"{safe(row, 1000)}\n" for row in rows)


def to_github(found: Sequence[Diagnostic], files: Sequence[str]) -> str:
    """Workflow commands, which GitHub shows on the lines of a pull request."""
    return "".join(_github(diagnostic) for diagnostic in found)


def _github(diagnostic: Diagnostic) -> str:
    span = diagnostic.span
    fields = {
        "file": posix(span.file.name),
        "line": str(span.line),
        "endLine": str(span.end_line),
        "title": f"{diagnostic.code} {diagnostic.name}",
    }
    if span.line == span.end_line:
        # Columns are for annotations within one line only.
        fields |= {"col": str(span.column), "endColumn": str(max(span.column, span.end_column - 1))}
    given = ",".join(f"{name}={_github_property(value)}" for name, value in fields.items())
    return f"::{diagnostic.severity} {given}::{_github_data(summary(diagnostic))}\n"


def _github_data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _github_property(text: str) -> str:
    return _github_data(text).replace(":", "%3A").replace(",", "%2C")


def to_gitlab(found: Sequence[Diagnostic], files: Sequence[str]) -> str:
    """A Code Quality report: a JSON list with a unique fingerprint for each finding."""
    severities = {"error": "major", "warning": "minor"}
    rows = [
        {
            "description": summary(diagnostic),
            "check_name": diagnostic.code,
            "fingerprint": fingerprint,
            "severity": severities[diagnostic.severity],
            "location": {
                "path": posix(diagnostic.span.file.name),
                "lines": {"begin": diagnostic.span.line, "end": diagnostic.span.end_line},
            },
        }
        for diagnostic, fingerprint in zip(found, fingerprints(found), strict=True)
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"


def to_sarif(found: Sequence[Diagnostic], files: Sequence[str]) -> str:
    """A SARIF 2.1.0 log with one run; columns count code points."""
    codes = sorted({diagnostic.code for diagnostic in found})
    rules = [
        {
            "id": code,
            "name": CODES[code].name,
            "defaultConfiguration": {"level": CODES[code].severity},
            "shortDescription": {"text": CODES[code].name.replace("-", " ")},
        }
        for code in codes
    ]
    results = [_result(d, codes.index(d.code), name) for d, name in zip(found, fingerprints(found), strict=True)]
    driver = {"name": "archc", "rules": rules}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return json.dumps({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def _result(diagnostic: Diagnostic, index: int, fingerprint: str) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "ruleIndex": index,
        "level": diagnostic.severity,
        "message": {"text": summary(diagnostic)},
        "locations": [_location(diagnostic.span)],
        "partialFingerprints": {"archc/v1": fingerprint},
    }
    if diagnostic.labels:
        result["relatedLocations"] = [
            {"id": at, **_location(label.span), "message": {"text": safe(label.text) or "see here"}}
            for at, label in enumerate(diagnostic.labels, start=1)
        ]
    return result


def _location(span: Span) -> dict[str, Any]:
    region = {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }
    uri = "".join(
        c if c.isalnum() or c in "-._~/" else "".join(f"%{byte:02X}" for byte in c.encode())
        for c in posix(span.file.name)
    )
    return {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}}


def to_junit(found: Sequence[Diagnostic], files: Sequence[str]) -> str:
    """JUnit XML: a test case for each file, with its findings as a failure."""
    by_file: dict[str, list[Diagnostic]] = {printable(name): [] for name in files}
    for diagnostic in found:
        by_file.setdefault(diagnostic.span.file.name, []).append(diagnostic)
    failed = sum(bool(rows) for rows in by_file.values())
    counts = f'tests="{len(by_file)}" failures="{failed}" errors="0" skipped="0"'
    cases = "".join(_case(posix(name), rows) for name, rows in by_file.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites {counts}>\n  <testsuite name="archc validate" {counts}>\n{cases}  </testsuite>\n</testsuites>\n'


def _case(name: str, rows: Sequence[Diagnostic]) -> str:
    head = f'    <testcase classname="archc.validate" name={_quoted(safe(name))}'
    if not rows:
        return f"{head}/>\n"
    title = safe(f"{rows[0].code}: {rows[0].message}", TITLE_LIMIT) + (
        f" and {len(rows) - 1} more" if len(rows) > 1 else ""
    )
    text = "".join(render(row, Painter()) for row in rows)
    return f'{head}>\n      <failure type="{rows[0].code}" message={_quoted(title)}>{_escaped(text)}</failure>\n    </testcase>\n'


def _escaped(text: str) -> str:
    # xml.sax.saxutils has this too, and brings a tenth of a check's time with it
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _quoted(text: str) -> str:
    return '"' + _escaped(text).replace('"', "&quot;") + '"'


Writer = Callable[[Sequence[Diagnostic], Sequence[str]], str]

FORMATS: Final[Mapping[str, Writer]] = {
    "concise": to_concise,
    "json": lambda found, files: to_json(found),
    "github": to_github,
    "gitlab": to_gitlab,
    "sarif": to_sarif,
    "junit": to_junit,
}
"""Name -> what writes all findings, given the names of all files that were checked."""
