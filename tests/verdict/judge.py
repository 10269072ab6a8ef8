"""The two verdicts on a network, PyTorch's and archc's, and how they compare."""

from __future__ import annotations

import traceback
import warnings
from dataclasses import dataclass, field

import torch

import archc.api
from archc.analysis.cost import costs
from archc.diagnostics import Diagnostic
from archc.ir.graph import Graph

from .eager import TooLarge, batch, build
from .net import Net
from .stricter import CLASSES
from .text import spec_text

REFUSALS = (RuntimeError, ValueError, TypeError, ZeroDivisionError, IndexError, AssertionError, NotImplementedError)
"""What torch raises for a network that does not build or run; anything else is a mistake of the test."""

AGREEMENTS = ("both accept", "both reject", "stricter")


@dataclass
class Torch:
    """What an eager run says."""

    refusal: str = ""
    """Where and why it does not run; "" if it does."""
    classes: set[str] = field(default_factory=set)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    parameters: int = 0
    alone: dict[str, str] = field(default_factory=dict)
    """What a batch of one is refused for, by mode."""


def ask_torch(net: Net) -> Torch:
    """Build and run a network on the CPU: batch 2 in training and in evaluation, then batch 1 in both. Raises TooLarge."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch remarks on empty weights and on paddings that it pads itself
        try:
            builder, module = build(net)
            with torch.no_grad():
                module.eval()(batch(net, 2))
        except REFUSALS as error:
            return Torch(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
        verdict = Torch("", builder.classes, builder.shapes, sum(one.numel() for one in module.parameters()))
        for mode in ("train", "eval"):
            try:
                with torch.no_grad():
                    module.train(mode == "train")(batch(net, 1))
            except REFUSALS as error:
                verdict.alone[mode] = f"{type(error).__name__}: {error}"
        return verdict


@dataclass
class Archc:
    """What `archc validate` says, and the graph where it accepts."""

    text: str
    found: list[Diagnostic] = field(default_factory=list)
    graph: Graph | None = None
    crash: str = ""


def ask_archc(net: Net, seed: int = 0) -> Archc:
    """Check the spec of a network."""
    verdict = Archc(spec_text(net, seed))
    try:
        spec = archc.api.load_with("-", [], verdict.text.encode())
        verdict.found = spec.check()
        verdict.graph = None if verdict.found else spec.graph
    except Exception:  # an exception is what the test is looking for
        verdict.crash = traceback.format_exc()
    return verdict


@dataclass
class Outcome:
    """How two verdicts compare: one of AGREEMENTS, or a disagreement; and for what `kind` is not enough, the details."""

    kind: str
    detail: str = ""

    @property
    def agrees(self) -> bool:
        return self.kind in AGREEMENTS


def compare(theirs: Torch, ours: Archc) -> Outcome:
    """Whether archc accepts exactly what runs, less the classes in which it is stricter, and infers what torch has."""
    if ours.crash:
        return Outcome("crash", ours.crash)
    if theirs.refusal:
        return Outcome("both reject" if ours.found else "false accept", theirs.refusal)
    if ours.found:
        return excused(theirs.classes, ours.found)
    if theirs.classes:
        return Outcome("not strict", ", ".join(sorted(theirs.classes)))
    assert ours.graph is not None
    return differences(theirs, ours.graph)


def excused(classes: set[str], found: list[Diagnostic]) -> Outcome:
    """A network that runs and is rejected: for what archc is stricter in, and with no word on anything else."""
    codes = {code for name in classes for code in CLASSES[name].codes}
    if classes and all(one.code in codes for one in found):
        return Outcome("stricter", ", ".join(sorted(classes)))
    said = "; ".join(f"{one.code} {one.path}: {one.message} ({one.label})" for one in found)
    return Outcome("false reject", f"{sorted(classes) or ''} {said}")


def differences(theirs: Torch, graph: Graph) -> Outcome:
    """Shapes at every stage and the number of parameters, of a network that both accept."""
    values = {node.path: node.output for node in graph.nodes} | {one.path: one.output for one in graph.scopes}
    for path, shape in theirs.shapes.items():
        inferred = graph.types[values[path]].shape if path in values else None
        if inferred != shape:
            return Outcome("other shape", f"{path}: torch has {shape}, archc {inferred}")
    count = costs(graph)[""].parameters
    if count != theirs.parameters:
        return Outcome("other parameters", f"torch has {theirs.parameters}, archc {count}")
    return Outcome("both accept")


def judge(net: Net, seed: int = 0) -> tuple[Torch, Archc, Outcome] | None:
    """Both verdicts and how they compare; None for a network too large to run in a test."""
    try:
        theirs = ask_torch(net)
    except TooLarge:
        return None
    ours = ask_archc(net, seed)
    return theirs, ours, compare(theirs, ours)
