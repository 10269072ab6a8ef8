"""`archc validate PATH...`: every mistake of every file."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from glob import glob
from pathlib import Path

from archc import api
from archc.cli.common import load, report
from archc.diagnostics import Diagnostic
from archc.diagnostics.formats import FORMATS
from archc.spec.load import spec_files


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "paths",
        metavar="PATH",
        nargs="+",
        help="files, folders, globs, names of specs that ship, or `-` for standard input",
    )
    parser.add_argument(
        "--set",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        dest="settings",
        help="give a param another value; may be repeated",
    )
    parser.add_argument(
        "--sizes", action="store_true", help="print the input sizes that each spec takes (done anyway for one spec)"
    )
    formats = ("text", *FORMATS)
    parser.add_argument("--format", choices=formats, default="text", help="how to print (default: text)")
    parser.add_argument("--strict", action="store_true", help="exit with 1 for warnings too")


def expand(paths: list[str]) -> Iterator[str]:
    """The specs that the arguments name: a folder's files, what a glob matches, or the argument itself."""
    for path in paths:
        if path != "-" and os.path.isdir(path):
            found = [str(file) for file in spec_files(Path(path))]
        else:
            found = [path] if path == "-" or os.path.exists(path) else sorted(glob(path, recursive=True))
        yield from found or [path]


def run(options: argparse.Namespace) -> int:
    """Check each spec. 0: no errors (with --strict: no warnings either), 1: something was found."""
    findings: list[Diagnostic] = []
    warned: set[object] = set()
    sizes: list[str] = []
    names = list(dict.fromkeys(expand(options.paths)))
    bad = 0
    for name in names:
        spec = _load(name, options.settings)
        found = spec.check()
        is_bad = any(one.severity == "error" for one in found)
        if options.format == "text" and (options.sizes or len(names) == 1) and not is_bad:
            sizes += _sizes(spec, "" if len(names) == 1 else f"{name}: ")
        findings += [one for one in found if one.severity == "error" or is_new(one, warned)]
        bad += is_bad
    errors = sum(one.severity == "error" for one in findings)
    warnings = len(findings) - errors
    if options.format != "text":
        sys.stdout.write(FORMATS[options.format](findings, names, options.strict))
    else:
        report(findings, stream=sys.stdout)
        print("\n" * bool(findings) + tally(errors, warnings, bad, len(names), options.strict))
    for line in sizes:
        print(line)
    return 1 if errors or (warnings and options.strict) else 0


def is_new(warning: Diagnostic, seen: set[object]) -> bool:
    """Whether a warning has not been given yet: a spec and those that extend it share what they warn of."""
    key = (warning.code, warning.span.position, warning.message)
    known = key in seen
    seen.add(key)
    return not known


def tally(errors: int, warnings: int, bad: int, files: int, strict: bool) -> str:
    """The last line: how many errors and warnings there are, and in how many files."""
    counted = f", {warnings} warning{'s' * (warnings > 1)}" if warnings else ""
    if errors:
        return f"{errors} error{'s' * (errors > 1)} in {bad} of {_files(files)}{counted}"
    refused = ", which --strict does not allow" if warnings and strict else ""
    return f"{_files(files)} checked, no errors{counted}{refused}"


def _load(name: str, settings: list[str]) -> api.Spec:
    """One file; a folder without specs is a mistake too."""
    return api.load(name) if name != "-" and os.path.isdir(name) else load(name, settings)


def _sizes(spec: api.Spec, prefix: str) -> Iterator[str]:
    """The input sizes that a correct spec takes."""
    from archc.cli.sizes import valid_lines

    for line in valid_lines(spec.graph):
        yield line if line.startswith(" ") else prefix + line


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"
