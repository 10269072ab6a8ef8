"""`python -m benchmarks`: every figure beside its peer's, as one page of Markdown and one picture."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

from benchmarks.commands import check, compile_onnx
from benchmarks.deploy import deploy
from benchmarks.growth import growth
from benchmarks.hostile import hostile
from benchmarks.latency import latency
from benchmarks.loop import loop
from benchmarks.many import many
from benchmarks.modules import modules
from benchmarks.report import Section, markdown, picture

BENCHMARKS: dict[str, Callable[[int], Section]] = {
    "compile": compile_onnx,
    "validate": check,
    "modules": modules,
    "latency": latency,
    "growth": growth,
    "many": many,
    "hostile": hostile,
    "train": loop,
    "deploy": deploy,
}


def main() -> None:
    """Run what is asked for, in turn; write `report.md` and `report.png`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=list(BENCHMARKS), help="one of them; may be repeated")
    parser.add_argument("--runs", type=int, default=5, help="of each side, after one that does not count (default: 5)")
    parser.add_argument("-o", "--output", type=Path, default=Path("benchmarks/results"), help="a folder for the report")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    options.output.mkdir(parents=True, exist_ok=True)
    sections = []
    for name in options.only or BENCHMARKS:
        print(f"{name} ...", file=sys.stderr, flush=True)
        sections.append(BENCHMARKS[name](options.runs))
        (options.output / "report.md").write_text(markdown(sections), encoding="utf-8")
    picture(sections, options.output / "report.png")
    print(markdown(sections))


if __name__ == "__main__":
    main()
