"""The entry point: finds the command, reads its arguments, and turns what it raises into diagnostics."""

from __future__ import annotations

import argparse
import atexit
import gc
import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Final

from archc.version import __version__

COMMANDS: Final = {
    "validate": "check specs and report every mistake",
    "compile": "write a network as ONNX, as a PyTorch module or as Python",
    "train": "train a network, and keep the run in a folder",
    "evaluate": "test a trained network, and draw what it confuses",
    "predict": "tell the classes of pictures",
    "runs": "compare runs in a table",
    "show": "print a network's layers, shapes, parameters and MACs",
    "explain": "say what a code means, with an example and its mend",
    "zoo": "list the networks that ship, with what they cost",
    "blocks": "list the types, or the fields of one",
    "schema": "print the language as a JSON Schema, for editors",
}


def parser(command: str | None = None) -> argparse.ArgumentParser:
    """The argument parser; only `command`'s own arguments are built, where it is given."""
    top = argparse.ArgumentParser(prog="archc", description="archc: the compiler for neural-network architectures")
    top.add_argument("--version", action="version", version=f"archc {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, help in COMMANDS.items():
        sub = commands.add_parser(name, help=help, description=help)
        if command in (None, name):
            module = import_module(f"archc.cli.{name}")
            module.arguments(sub)
            sub.set_defaults(run=module.run)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run archc; the exit code is 0 for success, 1 for findings, 2 for bad usage, 130 after an interrupt.

    Output that nobody takes (a closed pipe or stream) changes no verdict; output that is lost (a full disk) is a 2.
    """
    args = list(sys.argv[1:] if argv is None else argv)
    _open_streams()
    if argv is None:
        atexit.register(gc.freeze)  # nor does leaving Python look for circles, which takes a tenth of a compilation
        gc.set_threshold(100_000)  # a process that ends soon: looking for circles takes a fifth of a large spec's time
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that is not UTF-8 still gets every message
    named = next((arg for arg in args if not arg.startswith("-")), None)
    options = parser(named if named in COMMANDS else "").parse_args(args)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        _discard_output()
        return 1
    except OSError as error:
        if error.filename is not None:  # streams have none: a file that no command expected to be so
            return _report_file(error, options.command)
        _discard_output()
        with suppress(OSError):
            sys.stderr.write(f"archc: standard input or output failed: {(error.strerror or str(error)).lower()}\n")
        return 2
    except KeyboardInterrupt:
        return 130


def _report_file(error: OSError, command: str) -> int:
    from archc.cli.common import problem, report

    name = os.fsdecode(error.filename) if not isinstance(error.filename, int) else f"archc {command}"
    reason = (error.strerror or str(error)).lower()
    report([problem("A0001", f"`{name}` cannot be used: {reason}", name, "give another path")])
    return 1


def _open_streams() -> None:
    """Give what was started with closed streams empty ones."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))


def _discard_output() -> None:
    """What is still to be written goes nowhere, so that leaving Python does not fail on it again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
