"""`archc zoo [WORD]`: the networks that ship, with what they cost."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from archc import api
from archc.analysis.cost import costs
from archc.cli.common import format_argument, problem, report
from archc.spec.load import shipped_specs
from archc.spec.params import suggestion

HEAD = ("name", "input", "parameters", "MACs", "what it is")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "words", metavar="WORD", nargs="*", help="only networks whose name or description has every word (resnet, 2019)"
    )
    format_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Print the table. 1: no network is so called."""
    words = [word.lower() for word in options.words]
    specs = {name: api.load(name) for name in networks()}
    found = [row(name, spec) for name, spec in specs.items() if all(word in _searched(name, spec) for word in words)]
    if not found:
        help = suggestion(words[0], [name.partition("/")[2] for name in specs], "`archc zoo` lists them all")
        report([problem("A0001", f"no network has `{' '.join(words)[:80]}`", "archc zoo", help)], options.format)
        return 1
    sys.stdout.write(json.dumps(found, indent=2) + "\n" if options.format == "json" else table(found))
    return 0


def networks() -> list[str]:
    """The shipped specs by `folder/name`, without the families that they vary."""
    return [name for name in shipped_specs() if not name.startswith("families/")]


def _searched(name: str, spec: api.Spec) -> str:
    return f"{name} {doc(spec)}".lower()


def doc(spec: api.Spec) -> str:
    """What a spec says of itself."""
    said = spec.loaded.tree.get("doc") if spec.loaded.tree else None
    return str(getattr(said, "value", ""))


def row(name: str, spec: api.Spec) -> dict[str, Any]:
    """What the table says of one network: `{name, doc, input, parameters, macs}`; MACs are those of inference."""
    total = costs(spec.graph)[""]
    return {
        "name": name.removeprefix("imagenet/"),
        "doc": doc(spec),
        "input": list(spec.graph.types[0].shape),
        "parameters": total.parameters,
        "macs": total.macs,
    }


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as people read them, numbers to the right."""
    cells = [
        (
            found["name"],
            " × ".join(map(str, found["input"])),
            f"{found['parameters']:,}",
            f"{found['macs']:,}",
            found["doc"],
        )
        for found in rows
    ]
    widths = [max(len(line[column]) for line in (HEAD, *cells)) for column in range(4)]
    lines = [_line(HEAD, widths), "─" * (sum(widths) + 8 + len(HEAD[4])), *(_line(line, widths) for line in cells)]
    return "\n".join(lines) + "\n"


def _line(line: tuple[str, ...], widths: list[int]) -> str:
    name, size, parameters, macs, doc = line
    return "  ".join(
        (name.ljust(widths[0]), size.ljust(widths[1]), parameters.rjust(widths[2]), macs.rjust(widths[3]), doc)
    )
