"""`archc train SPEC`: a run, in a folder of its own."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from archc.cli.common import counted, load, mention_warnings, problem, report, spec_argument
from archc.diagnostics import SpecError
from archc.train.signals import Terminated, terminable


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    spec_argument(parser, optional=True)
    add = parser.add_argument
    add("-o", "--output", metavar="DIR", help="the folder of the run (default: runs/NAME-DATE)")
    add("--resume", metavar="DIR", help="continue the run in a folder, in place of SPEC")
    add("--from", metavar="CHECKPOINT", dest="checkpoint", help="of the run, one that is not its last")
    add("--data", metavar="DIR", help="the folder of the data set's files")
    add("--download", action="store_true", help="fetch the data set where it is not found")
    add(
        "--threads",
        type=counted("threads", 1024),
        metavar="N",
        help="threads to compute with on the CPU (default: one for each core)",
    )
    add("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto", help="where to compute (default: auto)")


def run(options: argparse.Namespace) -> int:
    """Train. 1: the spec, the data or the run is at fault; 2: the arguments are; 128 and the signal that ended it."""
    misuse = _misuse(options)
    if misuse:
        report([problem("A0102", misuse, "archc train", "write `archc train SPEC` or `archc train --resume DIR`")])
        return 2
    try:
        with terminable():
            return _trained(options)
    except KeyboardInterrupt as error:
        number = signal.SIGTERM if isinstance(error, Terminated) else signal.SIGINT
        sys.stderr.write(f"stopped by {number.name}\n")
        return 128 + number
    except SpecError as error:
        report(error.diagnostics)
    except ModuleNotFoundError as error:
        help = "run `pip install 'archc-compiler[train]'`"
        report([problem("A0705", f"this needs the package `{error.name}`", "archc train", help)])
    return 1


def _trained(options: argparse.Namespace) -> int:
    from archc.train.runner import Options, resume, train

    data, output = (Path(name) if name else None for name in (options.data, options.output))
    base = Path(options.spec).parent if options.spec else Path()
    chosen = Options(output, data, options.device, options.download, options.threads, base)
    if options.resume:
        return resume(Path(options.resume), chosen, options.settings, options.checkpoint)
    spec = load(options.spec, options.settings)
    _ = spec.graph
    mention_warnings(spec)
    return train(spec, chosen)


def _misuse(options: argparse.Namespace) -> str:
    if options.spec is None and options.resume is None:
        return "SPEC is missing"
    if options.spec is not None and options.resume is not None:
        return "SPEC and --resume do not go together: the run has its spec"
    if options.resume is not None and options.output is not None:
        return "-o and --resume do not go together: the run has its folder"
    if options.checkpoint is not None and options.resume is None:
        return "--from needs --resume"
    return ""
