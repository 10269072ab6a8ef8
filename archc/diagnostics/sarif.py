"""Diagnostics as a SARIF 2.1.0 log (OASIS): one run, its rules, artifacts, results and fixes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any, Final

from archc.diagnostics.codes import CODES
from archc.diagnostics.excerpt import safe
from archc.diagnostics.identity import fingerprints, posix
from archc.diagnostics.model import Diagnostic, Fix, Label, Span
from archc.diagnostics.pages import page

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
ROOT: Final = "%SRCROOT%"
LOST_PROCESS: Final = "A0801"
NEWLINES: Final = ("\r\n", "\n", "\r", "\x85", "\u2028", "\u2029")
"""What ends a line in YAML, so that lines are counted alike."""
_PLAIN: Final = frozenset("-._~/") | frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")

Data = dict[str, Any]


def log(found: Sequence[Diagnostic], files: Sequence[str], version: str) -> str:
    """The log as text; columns count code points."""
    codes = sorted({diagnostic.code for diagnostic in found})
    names = [diagnostic.span.file.name for diagnostic in found]
    names += [label.span.file.name for diagnostic in found for label in diagnostic.labels]
    artifacts = list(dict.fromkeys([*files, *names]))
    places = {name: index for index, name in enumerate(artifacts)}
    rows = zip(found, fingerprints(found), strict=True)
    driver = {"name": "archc", "rules": [_rule(code) for code in codes]}
    if version:
        driver |= {"version": version, "semanticVersion": version}
    run: Data = {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": LOST_PROCESS not in codes}],
        "originalUriBaseIds": {ROOT: {"description": {"text": "the folder in which archc ran"}}},
        "artifacts": [{"location": _artifact(name, places), "roles": ["analysisTarget"]} for name in files]
        + [{"location": _artifact(name, places)} for name in artifacts[len(dict.fromkeys(files)) :]],
        "columnKind": "unicodeCodePoints",
        "newlineSequences": list(NEWLINES),
        "results": [_result(one, codes.index(one.code), name, places) for one, name in rows],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(code: str) -> Data:
    text = page(code)
    first = next((part for part in text.split("\n\n")[1:] if not part.startswith("```")), "")
    return {
        "id": code,
        "name": "".join(word.capitalize() for word in CODES[code].name.split("-")),
        "shortDescription": {"text": CODES[code].name.replace("-", " ")},
        "fullDescription": {"text": " ".join(first.split())},
        "help": {"text": text, "markdown": text},
        "defaultConfiguration": {"level": CODES[code].severity},
    }


def _result(diagnostic: Diagnostic, index: int, fingerprint: str, places: dict[str, int]) -> Data:
    notes = [f"in `{diagnostic.path}`"] if diagnostic.path else []
    help = [f"help: {diagnostic.help}"] if diagnostic.help else []
    parts = [diagnostic.message, diagnostic.label, *notes, *diagnostic.notes, *help]
    result: Data = {
        "ruleId": diagnostic.code,
        "ruleIndex": index,
        "level": diagnostic.severity,
        "message": {"text": "\n".join(safe(part) for part in parts if part)},
        "locations": [_location(diagnostic.span, places, diagnostic.path)],
        "partialFingerprints": {"archc/v2": fingerprint},
    }
    if diagnostic.labels:
        result["relatedLocations"] = [_related(at, label, places) for at, label in enumerate(diagnostic.labels, 1)]
    if diagnostic.fix is not None:
        result["fixes"] = [_fix(diagnostic.fix, places)]
    return result


def _related(at: int, label: Label, places: dict[str, int]) -> Data:
    return {"id": at, **_location(label.span, places), "message": {"text": safe(label.text) or "see here"}}


def _location(span: Span, places: dict[str, int], path: str = "") -> Data:
    physical = {"artifactLocation": _artifact(span.file.name, places), "region": _region(span)}
    logical = {"logicalLocations": [{"fullyQualifiedName": safe(path), "kind": "element"}]} if path else {}
    return {"physicalLocation": physical, **logical}


def _region(span: Span) -> Data:
    return {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }


def _artifact(name: str, places: dict[str, int]) -> Data:
    """Where a file is: relative to the folder in which archc ran, if it is below that."""
    path = PurePath(posix(name))
    index = {"index": places[name]}
    if path.is_absolute() or ".." in path.parts:
        return {"uri": Path(name).resolve().as_uri(), **index}
    if not Path(name).exists():
        return {"uri": _encoded(path.as_posix()), **index}
    return {"uri": _encoded(path.as_posix()), "uriBaseId": ROOT, **index}


def _encoded(text: str) -> str:
    return "".join(
        c if c in _PLAIN else "".join(f"%{byte:02X}" for byte in c.encode(errors="surrogateescape")) for c in text
    )


def _fix(fix: Fix, places: dict[str, int]) -> Data:
    by_file: dict[str, list[Data]] = {}
    for edit in fix.edits:
        change: Data = {"deletedRegion": _region(edit.span)}
        if edit.text:
            change["insertedContent"] = {"text": edit.text}
        by_file.setdefault(edit.span.file.name, []).append(change)
    changes = [{"artifactLocation": _artifact(name, places), "replacements": rows} for name, rows in by_file.items()]
    return {"description": {"text": safe(fix.message)}, "artifactChanges": changes}
