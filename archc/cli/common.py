"""What commands share: loading a spec, printing findings, colour."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable
from typing import IO, Any

from archc import api
from archc.diagnostics import Diagnostic
from archc.diagnostics.model import SourceFile, Span
from archc.diagnostics.render import to_json, to_text


def spec_argument(parser: argparse.ArgumentParser, optional: bool = False, or_run: bool = False) -> None:
    """SPEC and --set, as every command on one spec has them; `or_run` where it may be the folder of a run."""
    parser.add_argument(
        "spec",
        nargs="?" if optional else None,
        metavar="SPEC",
        help="a YAML file, `-` for standard input, or the name of a spec that ships (resnet18)"
        + ("; or the folder of a run, for its spec and its best weights" if or_run else ""),
    )
    set_argument(parser)


def set_argument(parser: argparse.ArgumentParser, help: str = "give a param another value; may be repeated") -> None:
    """--set NAME=VALUE, as often as one likes."""
    parser.add_argument("--set", metavar="NAME=VALUE", action="append", default=[], dest="settings", help=help)


def format_argument(parser: argparse.ArgumentParser) -> None:
    """--format text or json."""
    parser.add_argument("--format", choices=("text", "json"), default="text", help="how to print (default: text)")


def counted(what: str, most: int | None = None) -> Callable[[str], int]:
    """The type of an argument that is a number of something, from 1 on."""

    def count(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = 0
        if number < 1 or (most is not None and number > most):
            raise argparse.ArgumentTypeError(f"a number of {what} is 1 {'or more' if most is None else f'to {most}'}")
        return number

    return count


def write_json(told: object) -> None:
    """Print plain data. Surrogates, the bytes of names that are not UTF-8, are told as `\\udcff`: JSON has no bytes."""
    sys.stdout.write(json.dumps(_unicode(told), indent=2) + "\n")


def _unicode(told: Any) -> Any:
    if isinstance(told, str):
        return told.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(told, dict):
        return {_unicode(name): _unicode(value) for name, value in told.items()}
    return [_unicode(one) for one in told] if isinstance(told, list | tuple) else told


def load(name: str, settings: list[str]) -> api.Spec:
    """The spec that a command line names."""
    if name != "-":
        return api.load_with(name, settings)
    from archc.batch import read_stdin  # which brings along what fixes files

    return api.load_with(name, settings, read_stdin())


def version() -> str:
    """The version of archc."""
    from archc.version import __version__

    return __version__


def has_colour(stream: IO[str]) -> bool:
    """Whether to colour: in a terminal, unless NO_COLOR is set; FORCE_COLOR colours anywhere."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (stream.isatty() and os.environ.get("TERM") != "dumb")


def report(diagnostics: Iterable[Diagnostic], format: str = "text", stream: IO[str] | None = None) -> None:
    """Print findings: text to standard error by default, JSON to standard output."""
    found = list(diagnostics)
    stream = stream or (sys.stdout if format == "json" else sys.stderr)
    stream.write(to_json(found) if format == "json" else to_text(found, has_colour(stream)))


def mention_warnings(spec: api.Spec) -> None:
    """Say on standard error that a spec without errors has warnings; `archc validate` is where they are shown."""
    codes = [one.code for one in spec.check()]
    if codes:
        some = ", ".join(sorted(set(codes)))
        count = "1 warning" if len(codes) == 1 else f"{len(codes)} warnings"
        sys.stderr.write(f"{count} ({some}): see `archc validate`\n")


def problem(code: str, message: str, name: str, help: str = "", notes: tuple[str, ...] = ()) -> Diagnostic:
    """A diagnostic about a file or target that has no lines."""
    return Diagnostic(code, message, Span(SourceFile(name, ""), 1, 1, 1, 1), notes=notes, help=help)
