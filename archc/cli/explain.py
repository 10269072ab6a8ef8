"""`archc explain CODE`: the page of a code."""

from __future__ import annotations

import argparse
import sys

from archc.cli.common import problem, report
from archc.diagnostics import CODES
from archc.diagnostics.pages import page
from archc.spec.params import suggestion


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "code", metavar="CODE", nargs="?", help="a code such as A0304, or its name; all of them without it"
    )


def run(options: argparse.Namespace) -> int:
    """Print a page, or the table of codes. 2: there is no such code."""
    if options.code is None:
        for code, entry in CODES.items():
            print(f"{code}  {entry.severity:<8} {entry.name}")
        return 0
    names = {entry.name: code for code, entry in CODES.items()}
    code = names.get(options.code.lower(), options.code.upper())
    if code not in CODES:
        help = suggestion(code, CODES, "`archc explain` lists them all")
        report([problem("A0105", f"there is no code `{options.code}`", "archc explain", help)])
        return 2
    sys.stdout.write(page(code))
    return 0
