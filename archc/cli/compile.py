"""`archc compile SPEC --onnx --torch --python`: a spec to its targets."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from archc.api import Spec
from archc.backends.files import is_device
from archc.cli import deploy
from archc.cli.common import load, mention_warnings, problem, report, spec_argument
from archc.cli.targets import TARGETS, Job, Network, job
from archc.diagnostics import Diagnostic, SpecError
from archc.diagnostics.model import printable
from archc.ir.graph import Graph

if TYPE_CHECKING:
    from archc.cli.targets import State
    from archc.train.shipping import Weights


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    spec_argument(parser, optional=True, or_run=True)
    add = parser.add_argument
    add("--onnx", metavar="FILE", nargs="?", const="", help="write an ONNX file (default: NAME.onnx); needs no torch")
    add(
        "--torch",
        metavar="FILE",
        nargs="?",
        const="",
        help="write a PyTorch exported program (default: NAME.pt2), or with a name in .safetensors the weights",
    )
    add(
        "--python",
        metavar="FILE",
        nargs="?",
        const="",
        help="write Python source that imports only torch (default: NAME.py)",
    )
    add(
        "-o",
        "--output",
        metavar="PATH",
        help="a folder for the files without a name of their own, or the one file's name",
    )
    add(
        "--weights",
        metavar="FILE",
        help="safetensors, a .pth checkpoint (read with weights_only), or the folder of a run, whose best are taken; random weights without it",
    )
    add(
        "--weights-except",
        metavar="PATHS",
        action="append",
        help="modules, say `fc` or `fc,aux1.fc2`, whose tensors are not taken from the file but drawn at random",
    )
    add("--seed", type=int, default=0, metavar="N", help="seed of the random weights (default: 0)")
    deploy.arguments(parser)
    add(
        "--verify",
        action="store_true",
        help="run the targets against each other at every stage (needs torch and onnxruntime)",
    )


def run(options: argparse.Namespace) -> int:
    """Compile. 1: the spec, the weights or a target is at fault; 2: the arguments are."""
    wanted = [target for target in TARGETS if getattr(options, target) is not None]
    misused = _misuse(options, wanted)
    if misused is not None:
        report([misused])
        return 2
    try:
        is_output = any(_is_output(getattr(options, target)) for target in wanted)
        with contextlib.redirect_stdout(sys.stderr if is_output else sys.stdout):  # words beside the file spoil it
            return _compile(_spec(options), options, wanted)
    except SpecError as error:
        report(error.diagnostics)
    except ModuleNotFoundError as error:
        extra = "verify" if error.name == "onnxruntime" else "torch"
        help = f"run `pip install 'archc-compiler[{extra}]'`"
        report([problem("A0705", f"this needs the package `{error.name}`", "archc compile", help)])
    return 1


def _is_output(name: str) -> bool:
    """Whether a file's name, say /dev/stdout, is where this process prints."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return bool(name) and is_device(name) and os.path.samestat(os.stat(name), os.fstat(sys.stdout.fileno()))
    return False


def _misuse(options: argparse.Namespace, wanted: list[str]) -> Diagnostic | None:
    """What is wrong with the arguments themselves."""
    if options.spec is None:
        taken = next((target for target in wanted if getattr(options, target)), None)
        help = "write `archc compile SPEC --onnx`"
        if taken is not None:
            help = f"`--{taken}` took `{getattr(options, taken)}` as its file: write `archc compile SPEC --{taken}`"
        return problem("A0102", "SPEC is missing", "archc compile", help)
    if not wanted and not options.verify:
        help = "add --onnx, --torch or --python (or --verify alone)"
        return problem("A0102", "no target is named", "archc compile", help)
    if options.weights_except and not (options.weights or Path(options.spec).is_dir()):
        help = "add --weights FILE, or leave --weights-except out: all weights are random without a file"
        return problem("A0102", "--weights-except without --weights", "archc compile", help)
    if not 0 <= options.seed < 2**63:
        return problem("A0104", f"--seed {options.seed} is out of range", "archc compile", "use 0 to 2^63 - 1")
    if options.torch and Path(options.torch).suffix not in ("", ".pt2", ".safetensors"):
        help = "a name in .pt2 gets an exported program, one in .safetensors the weights"
        return problem("A0104", f"--torch cannot write `{options.torch}`", "archc compile", help)
    return deploy.misuse(options, wanted)


def _compile(spec: Spec, options: argparse.Namespace, wanted: list[str]) -> int:
    graph = deploy.sized(spec, options.size) if options.size else spec.graph
    mention_warnings(spec)
    device = deploy.fit(spec, graph, options)
    needs_state = bool(options.weights) or any(target != "python" for target in wanted)
    only_inference = not options.verify and "torch" not in wanted
    weights = _weights(spec, options, wanted, only_inference) if needs_state else None
    metadata = spec.metadata() | (weights.metadata if weights is not None else {})
    net = Network(spec, graph, weights.state if weights is not None else {}, metadata)
    paths = {target: _path(options, target, graph.name, len(wanted)) for target in wanted}
    _check_paths(paths, spec, options)
    jobs = [job(net, options, target, path) for target, path in paths.items()]
    if options.verify and not _verified(spec, graph, options, net.state):
        return 1
    for one in jobs:
        _write(one, options)
        print("wrote " + " and ".join(f"{file} ({_size(file)})" for file in one.files))
        print("".join(f"{line}\n" for line in one.told), end="")
    if device and "onnx" in wanted:
        print(printable(device))
    if needs_state and not options.weights:
        print(f"the weights are random (seed {options.seed}); --weights FILE puts trained ones in")
    if weights is not None and weights.told:
        print(printable(weights.told))
    for one in jobs:
        print(f"next: {one.next_step}")
    return 0


def _spec(options: argparse.Namespace) -> Spec:
    """The spec that is named; of a run its own, with its weights unless others are named. Raises SpecError."""
    if not Path(options.spec).is_dir():
        return load(options.spec, options.settings)
    from archc.train.layout import is_run, run_spec

    if not is_run(Path(options.spec)):
        return load(options.spec, options.settings)
    options.weights = options.weights or options.spec
    return run_spec(Path(options.spec), options.settings)


def _weights(spec: Spec, options: argparse.Namespace, wanted: list[str], only_inference: bool) -> Weights:
    """The tensors; random ones for ONNX alone are drawn when they are written, so that a few are in memory at once."""
    from archc.train.shipping import Weights, best_file, weights_of_run

    if options.weights is None:
        if wanted != ["onnx"]:
            return Weights(spec.state(options.seed), {}, "")
        from archc.backends.initialise import Drawn

        return Weights(Drawn(spec.graph, options.seed), {}, "")
    path = Path(options.weights)
    if path.is_dir() and not options.weights_except:
        return weights_of_run(path, spec, only_inference)
    return Weights(_state(best_file(path) if path.is_dir() else path, spec, options, only_inference), {}, "")


def _state(path: Path, spec: Spec, options: argparse.Namespace, only_inference: bool) -> State:
    from archc.backends.weights import read_weights, unsound

    paths = [path for text in options.weights_except or () for path in text.split(",") if path]
    read = read_weights(path, spec.graph, inference_only=only_inference, without=paths)
    if read.state is None:
        raise SpecError(read.diagnostics)
    if read.prefix:
        print(f"read over `{read.prefix}` before every name in {path}")
    bad = unsound(read.state)
    if bad:
        named = ", ".join(f"`{key}`" for key in bad[:5]) + (f" and {len(bad) - 5} more" if bad[5:] else "")
        sys.stderr.write(printable(f"the weights hold infinities, NaN or variances below zero: {named}") + "\n")
    if not read.left:
        return read.state
    from archc.backends.initialise import initialise

    named = ", ".join(read.left[:10]) + (f" and {len(read.left) - 10} more" if len(read.left) > 10 else "")
    print(f"drawn at random (seed {options.seed}): {named}; {len(read.state)} tensors are from {path}")
    return initialise(spec.graph, options.seed, read.state)


def _path(options: argparse.Namespace, target: str, name: str, count: int) -> Path:
    given = getattr(options, target)
    if given:
        return Path(given)
    output = Path(options.output) if options.output else Path()
    if count == 1 and output.suffix and not output.is_dir():
        return output
    return output / (name + TARGETS[target])


def _check_paths(paths: dict[str, Path], spec: Spec, options: argparse.Namespace) -> None:
    """Refuse, before anything is written, what would overwrite an input or could not be written."""
    taken = {os.path.realpath(name): "is read by this very command" for name in _read(spec, options)}
    for target, path in paths.items():
        if is_device(path) and not path.is_dir():
            continue
        real = os.path.realpath(path)
        why, help = _obstacle(real, taken, bool(options.output))
        beside = f"{real}.data" if target == "onnx" else ""  # where tensors of more than 2 GiB go
        if not why and beside in taken:
            why, help = f"`{path.name}.data` beside it {taken[beside]}", "give the output another name"
        if why:
            raise SpecError([problem("A0704", f"cannot write `{path}`: {why}", str(path), help)])
        taken[real] = f"is the file of --{target} too"


def _read(spec: Spec, options: argparse.Namespace) -> list[str]:
    """The files that the command reads."""
    inner = spec.loaded.tree.entries.get("profile") if spec.loaded.tree is not None else None
    named = [options.spec, options.weights, options.calibrate, options.profile, *(file.name for file in spec.texts)]
    named += [inner.value.span.file.name] if inner is not None else []
    return [name for name in named if name and os.path.isfile(name)]


def _obstacle(real: str, taken: dict[str, str], makes_folders: bool) -> tuple[str, str]:
    """Why a file cannot be written, or "", and what to do."""
    folder = os.path.dirname(real)
    if real in taken:
        return taken[real], "give the output another name"
    if os.path.isdir(real):
        return "is a folder", "give a file's name, or the folder by -o"
    if not os.path.isdir(folder):
        return ("", "") if makes_folders else ("its folder does not exist", "make the folder, or use -o FOLDER")
    return ("", "") if os.access(folder, os.W_OK) else ("its folder cannot be written to", "choose another folder")


def _write(one: Job, options: argparse.Namespace) -> None:
    try:
        if options.output:
            one.path.parent.mkdir(parents=True, exist_ok=True)
        one.write(one.path)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        message, help = f"cannot write `{one.path}`: {reason}", "choose a folder that exists and can be written to"
        raise SpecError([problem("A0704", message, str(one.path), help)]) from None


def _verified(spec: Spec, graph: Graph, options: argparse.Namespace, state: State) -> bool:
    from archc.verify import probe_state, verify

    form = deploy.form(options)
    state = state if options.weights else probe_state(graph, options.seed)
    verdict = verify(graph, state, form.opset, fold=form.fold, batch=form.batch)
    worst = verdict.worst
    print(
        f"verified {len(verdict.onnx)} values of {graph.name}: onnx and torch differ by {worst.difference:.2e} at most, measured by the bound, "
        f"at `{worst.path}` (bound {worst.bound:.2e}); python and torch differ by {max((d.difference for d in verdict.python), default=float('nan')):g}"
    )
    if verdict.unseen:
        print(f"not seen on their own, only through what follows: {', '.join(verdict.unseen)}")
    if verdict.agrees:
        return not form.half or deploy.half_verified(spec, graph, state, form)
    notes = [f"`{d.path}`: {d.difference:.3e}, the bound is {d.bound:.3e}" for d in verdict.onnx if not d.within]
    notes += [f"`{d.path}`: the generated Python differs by {d.difference:.3e}" for d in verdict.python if d.difference]
    notes += [] if verdict.keys_agree else ["the generated Python has other state_dict keys"]
    help = "report it: this is a mistake in archc"
    report([problem("A0706", "the targets disagree", spec.loaded.file.name, help, tuple(notes[:10]))])
    return False


def _size(path: Path) -> str:
    count = path.stat().st_size
    return f"{count / 2**20:,.1f} MiB" if count >= 2**20 else f"{count / 2**10:,.1f} KiB"
