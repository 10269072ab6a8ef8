"""What shapes the ONNX file of `archc compile` for where it is to run: its options, and what is said of them."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from archc.api import Spec
from archc.cli.common import problem
from archc.cli.targets import Job, Network
from archc.diagnostics import Diagnostic, Report, SpecError
from archc.diagnostics.model import printable
from archc.ir.graph import Axis, Graph

if TYPE_CHECKING:
    import numpy as np

    from archc.backends.onnx import Form, Model
    from archc.cli.targets import State
    from archc.profile import Profile
    from archc.train.calibration import Own

ONLY_ONNX: Final = ("fold", "fp16", "int8", "calibrate", "batch")
"""Options that say how the ONNX file is to be."""

RANDOM_EXAMPLES: Final = 32


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("--opset", type=int, metavar="N", help="ONNX operator set, 13 to 26 (default: 20)")
    add(
        "--fold",
        action="store_true",
        help="put batch norms and learned scales into the layers before them, in the ONNX file",
    )
    add(
        "--fp16",
        action="store_true",
        help="weights and computation of the ONNX file in float16; its input and outputs stay float32",
    )
    add("--int8", action="store_true", help="fold and quantise the ONNX file to int8 (needs onnxruntime)")
    add(
        "--calibrate",
        metavar="FILE",
        help="examples for --int8, .npy or .npz, as they enter the network; without it those of the spec's data set, or random ones",
    )
    add("--batch", type=int, metavar="N", help="fix the batch of the ONNX file (default: free)")
    add(
        "--profile",
        metavar="FILE",
        help="the device that it is for, instead of that of `profile:`: what it cannot run is refused, and its opset and "
        "folding are used",
    )
    add("--size", type=int, nargs="+", metavar="N", help="fix free sizes of the input, say height and width")


def misuse(options: argparse.Namespace, wanted: list[str]) -> Diagnostic | None:
    """What is wrong with the options themselves."""
    given = [name for name in ONLY_ONNX if getattr(options, name)]
    if given and "onnx" not in wanted and not options.verify:
        help = "add --onnx"
        return problem(
            "A0102", f"--{given[0]} says how the ONNX file is to be, and none is asked for", "archc compile", help
        )
    if options.int8 and options.fp16:
        help = "choose one; each may have a file of its own"
        return problem("A0109", "--int8 and --fp16 exclude each other", "archc compile", help)
    if options.int8 and "onnx" not in wanted:
        return problem("A0102", "--int8 makes an ONNX file, and none is asked for", "archc compile", "add --onnx")
    if options.calibrate and not options.int8:
        return problem("A0102", "--calibrate is for --int8, which is missing", "archc compile", "add --int8")
    for name in ("batch", "size"):
        for number in _numbers(getattr(options, name)):
            if not 1 <= number <= 2**20:
                return problem("A0104", f"--{name} {number} is out of range", "archc compile", "use 1 to 2^20")
    return _unknown_opset(options)


def _numbers(value: int | list[int] | None) -> list[int]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _unknown_opset(options: argparse.Namespace) -> Diagnostic | None:
    if options.opset is None:
        return None
    from archc.backends.onnx import SUPPORTED_OPSETS

    if options.opset in SUPPORTED_OPSETS:
        return None
    help = f"use {SUPPORTED_OPSETS[0]} to {SUPPORTED_OPSETS[-1]}"
    return problem("A0104", f"opset {options.opset} is not supported", "archc compile", help)


def form(options: argparse.Namespace) -> Form:
    """What the ONNX file is to be like; one that is to be quantised is folded."""
    from archc.backends.onnx import DEFAULT_OPSET, Form

    opset = DEFAULT_OPSET if options.opset is None else options.opset
    return Form(opset, options.fold or options.int8, options.fp16, options.batch)


def fit(spec: Spec, graph: Graph, options: argparse.Namespace) -> str:
    """Set the options that the device's profile states and the command line does not; what is said of that.

    Raises SpecError where the device cannot run the network, or does not read the opset that is asked for.
    """
    profile = _profile(options.profile) if options.profile else spec.profile
    if profile is None:
        return ""
    if options.opset is not None and profile.opset_span is not None and options.opset > profile.opset:
        message = f"`{profile.name}` does not read opset {options.opset}"
        help = f"leave --opset out, or ask for {profile.opset} or less"
        raise SpecError([Diagnostic("A0712", message, profile.opset_span, "what its tools read", help=help)])
    if options.opset is None and profile.opset_span is not None:
        options.opset = profile.opset
    options.fold = options.fold or profile.fold
    asked = form(options)
    precision = "float16" if asked.half else "int8" if options.int8 else profile.precision
    unfit = spec.unfit_for(replace(profile, opset=asked.opset, fold=asked.fold, precision=precision), graph)
    if unfit:
        raise SpecError(unfit)
    return f"for `{profile.name}`: opset {asked.opset}" + (", batch norms folded" if asked.fold else "")


def _profile(name: str) -> Profile:
    from archc.profile import read_profile

    found = Report()
    profile = read_profile(name, found)
    if profile is None:
        raise SpecError(found.sorted())
    return profile


def sized(spec: Spec, sizes: list[int]) -> Graph:
    """The graph at fixed sizes. Raises SpecError where the spec does not allow them."""
    from archc.analysis.fixed import at_sizes

    axes, name = spec.graph.input.axes, spec.loaded.file.name
    if len(sizes) != len(axes):
        words = ", ".join(axis.name for axis in axes) or "none"
        message = f"--size has {len(sizes)} numbers, the input has {len(axes)} sizes"
        raise SpecError([problem("A0312", message, name, f"its sizes are: {words}")])
    for axis, size in zip(axes, sizes, strict=True):
        if not axis.allows(size):
            raise SpecError(
                [problem("A0312", f"{axis.name} {size} is not a size that the spec allows", name, _allowed(axis))]
            )
    graph, fault = at_sizes(spec.graph, tuple(sizes))
    if fault is not None:
        raise SpecError(
            [problem("A0312", f"the network does not work at {sizes}: {fault.reason}", name, "choose others")]
        )
    return graph


def _allowed(axis: Axis) -> str:
    if not axis.free:
        return f"it is fixed at {axis.default}; to free it, write `{axis.name}: {{min: ..., default: {axis.default}}}`"
    bounds = f"from {axis.min}" + (f" to {axis.max}" if axis.max else "")
    return f"it is free {bounds}" + (f" in steps of {axis.multiple_of}" if axis.multiple_of > 1 else "")


# -- float16 ------------------------------------------------------------------------------------------------------------


def write(model: Model, path: Path) -> None:
    """Write an ONNX file. Raises OSError, and SpecError where float16 cannot hold a weight."""
    from archc.backends.onnx import OutOfRange, write_onnx

    try:
        write_onnx(model, path)
    except OutOfRange as error:
        message = f"float16 cannot hold {error.value:g}, a number of `{error.name}`"
        help = "leave --fp16 out, or use weights below 65,504"
        raise SpecError([problem("A0707", message, "archc compile", help)]) from None


def half_verified(spec: Spec, graph: Graph, state: State, wanted: Form) -> bool:
    """Print how far the float16 file is from torch; False, with a diagnostic, where its values overflow."""
    from archc.cli.common import report
    from archc.verify import compare_half

    found = compare_half(graph, state, wanted)
    if found.overflow:
        message = f"values leave float16 at `{found.overflow}`"
        help = "leave --fp16 out, or normalise what enters the stage"
        report([problem("A0707", message, spec.loaded.file.name, help)])
        return False
    worst = found.worst
    print(
        f"float16: differs from torch's float32 by {worst.difference:.2e} at most at the outputs, at `{worst.path}`, "
        f"where the largest value is {found.largest:.3g}"
    )
    return True


# -- int8 ---------------------------------------------------------------------------------------------------------------


def int8_job(net: Network, options: argparse.Namespace, path: Path, model: Model, step: str) -> Job:
    """The job that writes the quantised model, and tells what it costs in exactness."""
    from archc.backends.onnx import write_onnx
    from archc.backends.onnx.quantise import Loss, Unquantisable, accuracies, losses, quantised

    own = None if options.calibrate else _own_examples(net, options)
    examples, batch = own.examples if own is not None else _examples(net, options), options.batch or 1
    try:
        found = quantised(model, examples, batch)
    except Unquantisable as error:
        name = options.calibrate or net.spec.loaded.file.name
        help = "use examples and weights of a common size, or leave --int8 out"
        raise SpecError([problem("A0708", f"cannot quantise: {error}", name, help)]) from None
    made = found.proto

    def line(loss: Loss) -> str:
        same = "" if loss.agreeing is None else f"; the largest score is the same for {loss.agreeing:.1%}"
        return (
            f"int8 against float32 on {len(examples)} examples: `{loss.output}` differs by {loss.difference:.3g} at most, "
            f"its largest value is {loss.largest:.3g} ({loss.decibels:.1f} dB){same}"
        )

    told = tuple(line(loss) for loss in losses(found, examples, batch))
    if found.kinds:
        told = (f"onnxruntime would not run all of it in int8: only {', '.join(found.kinds)} are", *told)
    if found.values != "int8":
        told = (f"onnxruntime would not run it with values in int8: they are {found.values}, the weights int8", *told)
    if own is not None:
        told = (f"the ranges of int8 come from {len(examples)} examples of {own.name}", *told)
    if own is not None and options.weights:
        before, after = accuracies(model, made, own.test, own.classes, own.output, batch)
        told += (f"accuracy on {len(own.test)} examples to test on: float32 {before:.1%}, int8 {after:.1%}",)
    return Job("onnx", path, lambda file: write_onnx(made, file), step, told)


def _own_examples(net: Network, options: argparse.Namespace) -> Own | None:
    """Examples of the spec's data set; None, which is said, where it is not there or of another size."""
    try:
        from archc.train.calibration import own_examples

        own = own_examples(net.spec, _folder(options.spec), options.seed)
    except SpecError as error:
        sys.stderr.write(printable(f"no examples of the spec's data set: {error.diagnostics[0].message}") + "\n")
        return None
    except ModuleNotFoundError as error:
        sys.stderr.write(f"no examples of the spec's data set: that needs the package `{error.name}`\n")
        return None
    if own is None:
        return None
    axes, sizes = net.graph.input.axes, own.examples.shape[2:]
    return own if all(axis.allows(size) for axis, size in zip(axes, sizes, strict=True)) else None


def _folder(spec: str) -> Path:
    """Where a data set is looked for: in the folder of a run, or that of a spec."""
    return Path(spec) if Path(spec).is_dir() else Path(spec).parent


def _examples(net: Network, options: argparse.Namespace) -> np.ndarray[Any, Any]:
    """The examples of --calibrate, or random ones, which is said."""
    from archc.backends.calibration import Unusable, random_examples, read_examples

    if options.calibrate is None:
        sys.stderr.write(
            "the ranges of int8 come from random input, and fit no real one: --calibrate FILE gives examples\n"
        )
        return random_examples(net.graph.input, RANDOM_EXAMPLES, options.seed)
    try:
        return read_examples(options.calibrate, net.graph.input)
    except Unusable as error:
        why = str(error)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
    help = "save the input as `numpy.save(file, x)`, x of shape (N, channels, ...), prepared as for the network"
    raise SpecError([problem("A0708", f"cannot calibrate with `{options.calibrate}`: {why}", options.calibrate, help)])
