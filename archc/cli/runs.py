"""`archc runs DIR`: runs beside each other."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archc.cli.common import format_argument, report, write_json
from archc.diagnostics import SpecError
from archc.diagnostics.model import printable

if TYPE_CHECKING:
    from archc.train.compare import Summary

HEAD = (
    "run", "network", "started", "state", "epochs", "train loss", "train acc.", "test acc.", "best", "examples/s",
    "settings",
)  # fmt: skip
LEFT = {0, 1, 2, 3, 10}
"""The columns that begin at the left."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "folder", nargs="?", default="runs", metavar="DIR", help="a folder with runs, or a run (default: runs)"
    )
    format_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Print the table. 1: there are no runs, or one of them cannot be read."""
    from archc.train.compare import compare

    try:
        summaries, found = compare(Path(options.folder))
    except SpecError as error:
        report(error.diagnostics)
        return 1
    if options.format == "json":
        write_json([one.to_json() for one in summaries])
    elif summaries:
        sys.stdout.write(table(summaries))
    report(found)
    return 1 if found else 0


def table(summaries: list[Summary]) -> str:
    """The runs as people read them: columns as wide as their content, numbers to the right."""
    rows = [HEAD, *map(_cells, summaries)]
    if not any(row[-1] for row in rows[1:]):
        rows = [row[:-1] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if at in LEFT else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def _cells(one: Summary) -> tuple[str, ...]:
    best = one.best
    shown = "" if best is None else _number(best.test_loss if best.test_accuracy is None else best.test_accuracy)
    cells = (
        Path(one.folder).name or one.folder,
        one.name,
        one.started[:16].replace("T", " "),
        one.state,
        f"{one.epoch}/{one.epochs}",
        _number(one.train_loss),
        _number(one.train_accuracy),
        _number(one.test_accuracy),
        f"{shown} ({best.epoch})" if best is not None else "",
        f"{one.examples_per_second:,.0f}" if one.examples_per_second is not None else "",
        ", ".join(f"{_short(key)} {_value(value)}" for key, value in one.settings.items()),
    )
    return tuple(map(printable, cells))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _short(path: str) -> str:
    """A setting without the section's name, as `--set` and the spec have it."""
    return path.removeprefix("train.").removeprefix("params.")


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 40 else text[:39] + "…"
