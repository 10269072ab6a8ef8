"""`archc predict RUN_DIR IMAGE...`: the classes of picture files."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from archc.cli.common import counted, format_argument, problem, report, write_json
from archc.diagnostics import SpecError
from archc.diagnostics.model import printable

if TYPE_CHECKING:
    from archc.train.predict import Prediction


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add = parser.add_argument
    add("model", metavar="MODEL", help="the folder of a run, or an ONNX file that was compiled from one")
    add("images", metavar="IMAGE", nargs="+", help="files with pictures: PNG, JPEG, BMP, GIF, PNM, TIFF, WebP")
    add(
        "--top",
        type=counted("classes"),
        default=3,
        metavar="N",
        help="how many classes to tell of each picture (default: 3)",
    )
    add("--last", action="store_true", help="of a run: its last weights, not its best")
    format_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Predict. 1: the model or a picture is at fault; 2: the arguments are."""
    if options.last and not os.path.isdir(options.model):
        report([problem("A0102", "--last goes with a run only", "archc predict", "leave it out")])
        return 2
    try:
        found = _predictions(options)
    except SpecError as error:
        report(error.diagnostics)
        return 1
    except ModuleNotFoundError as error:
        help = "run `pip install 'archc-compiler[train]'`, and `pip install onnxruntime` for ONNX files"
        report([problem("A0705", f"this needs the package `{error.name}`", "archc predict", help)])
        return 1
    good = [one for one in found if one.problem is None]
    if options.format == "json":
        write_json([one.to_json() for one in good])
    else:
        sys.stdout.write(_table(good))
    problems = [one.problem for one in found if one.problem is not None]
    report(problems)
    return 1 if problems else 0


def _predictions(options: argparse.Namespace) -> list[Prediction]:
    from archc.train.predict import predict
    from archc.train.trained import of_onnx, of_run

    path = Path(options.model)
    trained = of_run(path, options.last) if os.path.isdir(path) else of_onnx(path)
    return list(predict(trained, options.images, options.top))


def _table(found: list[Prediction]) -> str:
    """A line for each picture: its file, then classes with their probabilities."""
    width = max((len(one.file) for one in found), default=0)
    lines = []
    for one in found:
        parts = [
            guess.name if guess.probability is None else f"{guess.name} {guess.probability:.4f}"
            for guess in one.guesses
        ]
        lines.append(printable(f"{one.file.ljust(width)}  {', '.join(parts)}") + "\n")
    return "".join(lines)
