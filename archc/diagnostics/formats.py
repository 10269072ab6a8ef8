"""Diagnostics for machines: one line each, GitHub annotations, GitLab Code Quality, JUnit; SARIF has a module of its own.

Sources: GitHub's workflow commands, GitLab's Code Quality report format, the JUnit XML that Jenkins and others read.
Lines and columns count from 1.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from archc.diagnostics.excerpt import Painter, safe
from archc.diagnostics.identity import fingerprints, posix
from archc.diagnostics.model import Diagnostic, printable
from archc.diagnostics.render import render, to_json

TITLE_LIMIT: Final = 120


@dataclass(frozen=True, slots=True)
class Run:
    """One run of `validate`: what was found, the files that were checked, the version of archc, whether warnings fail."""

    found: Sequence[Diagnostic]
    files: Sequence[str]
    version: str = ""
    strict: bool = False

    def fails(self, diagnostic: Diagnostic) -> bool:
        """Whether a finding makes the run fail."""
        return self.strict or diagnostic.severity == "error"


def summary(diagnostic: Diagnostic) -> str:
    """The message with its label and help, on one line."""
    parts = [diagnostic.message, diagnostic.label, f"help: {diagnostic.help}" if diagnostic.help else ""]
    return safe("; ".join(part for part in parts if part))


def to_concise(run: Run) -> str:
    """`FILE:LINE:COLUMN: error[CODE]: message`, one line each, as editors read it."""
    rows = (
        f"{d.span}: {d.severity}[{d.code}]: {safe(d.message)}" + (f" ({safe(d.label)})" if d.label else "")
        for d in run.found
    )
    return "".join(f"{safe(row, 1000)}\n" for row in rows)


# -- GitHub -------------------------------------------------------------------------------------------------------------


def to_github(run: Run) -> str:
    """Workflow commands, which GitHub shows on the lines of a pull request."""
    return "".join(_github(diagnostic) for diagnostic in run.found)


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
    return _github_data(safe(text)).replace(":", "%3A").replace(",", "%2C")


# -- GitLab -------------------------------------------------------------------------------------------------------------


def to_gitlab(run: Run) -> str:
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
        for diagnostic, fingerprint in zip(run.found, fingerprints(run.found), strict=True)
    ]
    return json.dumps(rows, indent=2) + "\n"


# -- JUnit --------------------------------------------------------------------------------------------------------------


def to_junit(run: Run) -> str:
    """JUnit XML: a test case for each file; what fails the run is its failure, what does not is its output."""
    by_file: dict[str, list[Diagnostic]] = {printable(name): [] for name in run.files}
    for diagnostic in run.found:
        by_file.setdefault(diagnostic.span.file.name, []).append(diagnostic)
    failed = sum(any(run.fails(row) for row in rows) for rows in by_file.values())
    counts = f'tests="{len(by_file)}" failures="{failed}" errors="0"'
    cases = "".join(_case(posix(name), rows, run) for name, rows in by_file.items())
    suite = f'<testsuite name="archc validate" {counts} skipped="0">\n{cases}  </testsuite>'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites {counts}>\n  {suite}\n</testsuites>\n'


def _case(name: str, rows: Sequence[Diagnostic], run: Run) -> str:
    head = f'    <testcase classname="archc.validate" name={_quoted(safe(name))}'
    if not rows:
        return f"{head}/>\n"
    text = _escaped("\n".join(render(row, Painter()) for row in rows))
    worst = next((row for row in rows if run.fails(row)), None)
    if worst is None:
        return f"{head}>\n      <system-out>{text}</system-out>\n    </testcase>\n"
    more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
    title = safe(f"{worst.code}: {worst.message}", TITLE_LIMIT) + more
    failure = f'<failure type="{worst.code}" message={_quoted(title)}>{text}</failure>'
    return f"{head}>\n      {failure}\n    </testcase>\n"


def _escaped(text: str) -> str:
    # xml.sax.saxutils has this too, and brings a tenth of a check's time with it
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _quoted(text: str) -> str:
    return '"' + _escaped(text).replace('"', "&quot;") + '"'


def to_sarif(run: Run) -> str:
    """A SARIF 2.1.0 log."""
    from archc.diagnostics.sarif import log  # a module that few runs need

    return log(run.found, run.files, run.version)


Writer = Callable[[Run], str]

FORMATS: Final[Mapping[str, Writer]] = {
    "concise": to_concise,
    "json": lambda run: to_json(run.found),
    "github": to_github,
    "gitlab": to_gitlab,
    "sarif": to_sarif,
    "junit": to_junit,
}
"""Name -> what writes a run."""
