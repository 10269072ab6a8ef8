"""`archc schema [SPEC]`: the language as a JSON Schema, for editors."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection
from pathlib import Path

from archc import api
from archc.cli.common import load, problem, report
from archc.diagnostics import SourceFile, SpecError, Stop
from archc.schema import json_schema, to_text
from archc.spec.model import Definition
from archc.spec.parse import parse_spec


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "spec",
        metavar="SPEC",
        nargs="?",
        help="a spec whose own blocks it is to know too: a YAML file, `-`, or the name of a spec that ships",
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="the file to write; standard output without it")


def run(options: argparse.Namespace) -> int:
    """Print the schema, or write it. 1: the spec cannot be read, or the file cannot be written."""
    spec = load(options.spec, []) if options.spec is not None else None
    try:
        text = to_text(json_schema(_own_blocks(spec) if spec is not None else ()))
        if options.output is None:
            sys.stdout.write(text)
        else:
            _write(Path(options.output), text, spec.texts if spec is not None else ())
    except SpecError as error:
        report(error.diagnostics)
        return 1
    return 0


def _own_blocks(spec: api.Spec) -> Collection[Definition]:
    """The blocks that a spec defines, and those of the specs that it extends. Raises SpecError.

    Only its form matters: shapes that do not fit are no reason to leave an editor without help.
    """
    parsed = None
    try:
        if spec.loaded.tree is not None:
            parsed = parse_spec(spec.loaded.tree, spec.loaded.file, spec.report)
    except Stop:
        parsed = None
    if parsed is None or len(spec.report):
        raise SpecError(spec.report.sorted())
    return parsed.blocks.values()


def _write(path: Path, text: str, inputs: Collection[SourceFile]) -> None:
    """Write the schema and say so. Raises SpecError."""
    from archc.backends.files import write_whole

    reason = ""
    if any(Path(file.name).is_file() and Path(file.name).resolve() == path.resolve() for file in inputs):
        reason = "it is read by this very command"
    else:
        try:
            write_whole(path, text.encode())
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
    if reason:
        help = "choose another name, in a folder that exists and can be written to"
        raise SpecError([problem("A0704", f"cannot write `{path}`: {reason}", str(path), help)])
    print(f"wrote {path} ({len(text.encode()) / 1024:,.1f} KiB)")
