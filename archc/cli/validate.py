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


def expand(paths: list[str]) -> Iterator[str]:
    """The specs that the arguments name: a folder's files, what a glob matches, or the argument itself."""
    for path in paths:
        if path != "-" and os.path.isdir(path):
            found = [str(file) for file in spec_files(Path(path))]
        else:
            found = [path] if path == "-" or os.path.exists(path) else sorted(glob(path, recursive=True))
        yield from found or [path]


def run(options: argparse.Namespace) -> int:
    """Check each spec. 0: all are clean, 1: something was found."""
    findings: list[Diagnostic] = []
    sizes: list[str] = []
    names = list(dict.fromkeys(expand(options.paths)))
    bad = 0
    for name in names:
        spec = _load(name, options.settings)
        found = spec.check()
        if options.format == "text" and (options.sizes or len(names) == 1) and not found:
            sizes += _sizes(spec, "" if len(names) == 1 else f"{name}: ")
        findings += found
        bad += bool(found)
    if options.format != "text":
        sys.stdout.write(FORMATS[options.format](findings, names))
    elif findings:
        report(findings, stream=sys.stdout)
        errors = "1 error" if len(findings) == 1 else f"{len(findings)} errors"
        print(f"\n{errors} in {bad} of {_files(len(names))}")
    else:
        print(f"{_files(len(names))} checked, no errors")
    for line in sizes:
        print(line)
    return 1 if findings else 0


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
