"""`archc zoo [WORD...]`: the networks that ship, with what they cost."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any, Final

from archc.cli.common import format_argument, problem, report
from archc.spec.load import shipped_root
from archc.spec.params import suggestion

HEAD: Final = ("name", "input", "parameters", "MACs", "paper", "what it is")
FIGURES: Final = "zoo.json"
"""The file beside the specs that holds the rows, so that listing them costs no work on 76 networks."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "words",
        metavar="WORD",
        nargs="*",
        help="only networks whose name, paper or description has every word (resnet, 2019)",
    )
    format_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Print the table. 1: no network has the words."""
    words = [word.lower() for word in options.words]
    known = rows()
    found = [row for row in known if all(word in _searched(row) for word in words)]
    if not found:
        names = [row["name"].rpartition("/")[2] for row in known]
        help = suggestion(words[0], names, "`archc zoo` lists them all")
        report([problem("A0001", f"no network has `{' '.join(words)[:80]}`", "archc zoo", help)], options.format)
        return 1
    sys.stdout.write(json.dumps(found, indent=2) + "\n" if options.format == "json" else table(found))
    return 0


def rows() -> list[dict[str, Any]]:
    """Of each network `{name, doc, paper, input, parameters, macs}`; the MACs are those of inference."""
    found: list[dict[str, Any]] = json.loads((shipped_root() / FIGURES).read_text(encoding="utf-8"))
    return found


def cells(row: dict[str, Any]) -> tuple[str, ...]:
    """A row as people read it, under HEAD."""
    size = " × ".join(map(str, row["input"]))
    told = row["doc"].replace(f" ({row['paper']})", "")
    return row["name"], size, f"{row['parameters']:,}", f"{row['macs']:,}", row["paper"], told


def table(found: list[dict[str, Any]]) -> str:
    """The rows as people read them, numbers to the right."""
    lines = [HEAD, *map(cells, found)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    rule = "─" * (sum(widths) + 2 * (len(HEAD) - 1))
    head, *body = [_line(line, widths) for line in lines]
    return "\n".join([head, rule, *body]) + "\n"


def _line(line: tuple[str, ...], widths: list[int]) -> str:
    sides = "<<>><<"
    return "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(line, sides, widths, strict=True)).rstrip()


def _searched(row: dict[str, Any]) -> str:
    return f"{row['name']} {row['doc']}".lower()
