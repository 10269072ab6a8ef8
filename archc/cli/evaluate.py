"""`archc evaluate RUN_DIR`: how well a trained network does on the examples to test on."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from archc.cli.common import format_argument, load, problem, report, set_argument, write_json
from archc.diagnostics import Diagnostic, SpecError
from archc.diagnostics.model import printable

if TYPE_CHECKING:
    from archc.train.evaluate import Evaluation
    from archc.train.trained import Trained

HELP = "write `archc evaluate RUN_DIR`, `archc evaluate MODEL.onnx` or `archc evaluate SPEC --weights FILE`"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add = parser.add_argument
    add("model", metavar="MODEL", help="the folder of a run, an ONNX file, or a spec whose weights are in --weights")
    add("--weights", metavar="FILE", help="of a spec: safetensors, a .pth checkpoint, or a run, whose best is taken")
    add("--last", action="store_true", help="of a run: its last weights, not its best")
    set_argument(parser, "of a spec: give a param, or a field of `train`, another value; may be repeated")
    add("--data", metavar="DIR", help="the folder of the data set's files")
    add("--download", action="store_true", help="fetch the data set where it is not found")
    add("--device", choices=("cpu", "cuda", "mps"), default="cpu", help="where to compute (default: cpu)")
    add(
        "-o",
        "--output",
        metavar="FILE",
        help="the picture of the confusion matrix (default: confusion.png in the run, NAME-confusion.png beside a file)",
    )
    format_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Evaluate. 1: the model or the data is at fault; 2: the arguments are."""
    if _is_missing(options):
        report([problem("A0001", f"there is no run, file or spec `{options.model[:80]}`", options.model, HELP)])
        return 1
    misuse = _misuse(options)
    if misuse:
        report([problem("A0102", misuse, "archc evaluate", HELP)])
        return 2
    try:
        result, picture, lost = _evaluated(options)
    except SpecError as error:
        report(error.diagnostics, options.format)
        return 1
    except ModuleNotFoundError as error:
        help = "run `pip install 'archc-compiler[train]'`, and `pip install onnxruntime` for ONNX files"
        found = problem("A0705", f"this needs the package `{error.name}`", "archc evaluate", help)
        report([found], options.format)
        return 1
    if options.format == "json":
        told = {**result.to_json(), "picture": str(picture) if picture else None}
        write_json(told)
    else:
        print("\n".join(map(printable, result.lines())))
        if picture:
            print(printable(f"wrote {picture}"))
    sys.stdout.flush()
    report(lost)
    return 1 if lost else 0


def _is_missing(options: argparse.Namespace) -> bool:
    """Whether MODEL is nothing at all; of what ends in `.onnx` that is said where it is read."""
    name = options.model
    if name == "-" or name.endswith(".onnx") or options.weights is not None or os.path.exists(name):
        return False
    return load(name, []).loaded.tree is None


def _misuse(options: argparse.Namespace) -> str:
    path = Path(options.model)
    is_dir = os.path.isdir(path)
    is_spec = not is_dir and path.suffix != ".onnx"
    if is_spec and options.weights is None:
        return "--weights is missing"
    if not is_spec:
        given = [name for name in ("weights", "settings") if getattr(options, name)]
        if given:
            return f"--{given[0].replace('settings', 'set')} goes with a spec only"
    if options.last and not is_dir:
        return "--last goes with a run only"
    if options.device != "cpu" and path.suffix == ".onnx":
        return "an ONNX file is run on the CPU"
    return ""


def _evaluated(options: argparse.Namespace) -> tuple[Evaluation, Path | None, tuple[Diagnostic, ...]]:
    """The result, the picture that was written, none where there are no classes, and what kept it from being written."""
    from archc.train.confusion import confusion_picture
    from archc.train.data import places_of
    from archc.train.evaluate import evaluate
    from archc.train.faults import write_file
    from archc.train.settings import settings_of

    trained, base, default = _trained(options)
    spec = trained.spec
    if spec is None:
        message = "the file does not say what it was trained on"
        help = "evaluate the run that it came from"
        raise SpecError([problem("A0810", message, options.model, help, ("its metadata has no `archc.spec`",))])
    settings = settings_of(spec)
    data = options.data or trained.data
    places = places_of(settings, Path(data) if data else None, base)
    result = evaluate(trained, spec, settings, places, options.download)
    if not result.confusion:
        return result, None, ()
    picture = Path(options.output) if options.output else default
    try:
        write_file(picture, confusion_picture(result))
    except SpecError as error:
        return result, None, error.diagnostics
    return result, picture, ()


def _trained(options: argparse.Namespace) -> tuple[Trained, Path, Path]:
    """The network, the folder that `train.data.path` starts from, and where the picture goes by default."""
    from archc.train.device import check_device
    from archc.train.trained import of_onnx, of_run, of_weights

    path = Path(options.model)
    if path.suffix == ".onnx":
        return of_onnx(path), path.parent, path.with_name(f"{path.stem}-confusion.png")
    check_device(options.device)
    if os.path.isdir(path):
        return of_run(path, options.last, options.device), path, path / "confusion.png"
    weights = Path(options.weights)
    is_run = os.path.isdir(weights)
    name = "confusion.png" if is_run else f"{weights.stem}-confusion.png"
    trained = of_weights(load(options.model, options.settings), weights, options.device)
    return trained, path.parent, (weights if is_run else weights.parent) / name
