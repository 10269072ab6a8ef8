"""`archc show SPEC`: layers, shapes, parameters and MACs."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from archc.analysis.summary import Summary, summary
from archc.cli.common import format_argument, load, mention_warnings, report, spec_argument
from archc.cli.sizes import axis_lines
from archc.diagnostics.model import printable


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    spec_argument(parser)
    parser.add_argument(
        "--depth", type=_depth, default=1, metavar="N", help="levels of modules to show (default: 1; 0 for all)"
    )
    parser.add_argument("--graph", action="store_true", help="print the typed graph, one op a line")
    format_argument(parser)


def _depth(text: str) -> int:
    depth = int(text)
    if depth < 0:
        raise argparse.ArgumentTypeError("a depth is 0 or more")
    return depth


def run(options: argparse.Namespace) -> int:
    """Print the table. 1: the spec is wrong."""
    spec = load(options.spec, options.settings)
    found = spec.check(warnings=False)
    if found:
        report(found, options.format)
        return 1
    mention_warnings(spec)
    if options.graph:
        from archc.ir.text import to_text

        sys.stdout.write(to_text(spec.graph))
        return 0
    result = summary(spec.graph, options.depth)
    device = None if spec.profile is None else {"name": spec.profile.name, "unfit": len(spec.unfit_for())}
    if options.format == "json":
        sys.stdout.write(json.dumps(result.data() | {"profile": device}, indent=2) + "\n")
    else:
        sys.stdout.write(table(result) + _device(device))
    return 0


def _device(device: dict[str, Any] | None) -> str:
    """Whether the network fits the device of `profile:`."""
    if device is None:
        return ""
    found = "1 finding" if device["unfit"] == 1 else f"{device['unfit']} findings"
    fits = f"does not fit, {found}: see `archc validate`" if device["unfit"] else "fits"
    return printable(f"profile: {device['name']}, which it {fits}") + "\n"


def table(result: Summary) -> str:
    """The summary as people read it: columns as wide as their content, numbers to the right."""
    head = ("path", "type", "output shape", "parameters", "MACs")
    rows = [
        (row.path, row.type, _shape(row.output_shape), f"{row.parameters:,}", f"{row.macs:,}") for row in result.rows
    ]
    total = ("total", "", "", f"{result.parameters:,}", f"{result.macs:,}")
    widths = [max(len(row[column]) for row in (head, *rows, total)) for column in range(5)]
    rule = "─" * (sum(widths) + 8)
    lines = [f"{result.name}: input {_shape(result.input)}", rule, _line(head, widths), rule]
    lines += [_line(row, widths) for row in rows]
    lines += [rule, _line(total, widths), rule, *_totals(result)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    cells = [
        cell.ljust(width) if column < 3 else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells)


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


def _totals(result: Summary) -> list[str]:
    lines = []
    for output in result.outputs:
        lines.append(
            f"output {output.name}: {_shape(output.shape)}" + (" (training only)" if output.training_only else "")
        )
    lines += [line for row in result.axes for line in axis_lines(row)]
    lines.append(f"weights: {_size(result.weight_bytes)} in float32")
    lines.append(f"activations: {_size(result.activation_bytes)} at the peak, for one example in inference")
    return lines


def _size(count: int) -> str:
    return f"{count / 2**20:,.1f} MiB" if count >= 2**20 else f"{count / 2**10:,.1f} KiB"
