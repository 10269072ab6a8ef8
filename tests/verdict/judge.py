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

from .eager import Builder, TooLarge, batch, build
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
    path: str = ""
    """Of the stage where it stopped."""
    classes: set[str] = field(default_factory=set)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    parameters: int = 0
    alone: dict[str, str] = field(default_factory=dict)
    """What a batch of one is refused for, by mode."""


def ask_torch(net: Net) -> Torch:
    """Build and run a network on the CPU: batch 2 in training and in evaluation, then batch 1 in both. Raises TooLarge."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch remarks on empty weights and on paddings that it pads itself
        builder = Builder(net.rank)
        try:
            module = build(net, builder)
            with torch.no_grad():
                module.eval()(batch(net, 2))
        except REFUSALS as error:
            first = str(error).partition("\n")[0]
            return Torch(f"{type(error).__name__}: {first}", path=builder.path, classes=builder.classes)
        count = sum(one.numel() for one in module.parameters())
        verdict = Torch(classes=builder.classes, shapes=builder.shapes, parameters=count)
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
        verdict.found = spec.check(warnings=False)
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
        return refused(theirs, ours)
    if ours.found:
        return excused(theirs.classes, ours.found)
    if theirs.classes:
        return Outcome("not strict", ", ".join(sorted(theirs.classes)))
    assert ours.graph is not None
    return differences(theirs, ours.graph)


def names_the_stage(theirs: Torch, ours: Archc) -> bool:
    """Whether a diagnostic of a network that both reject is about the stage where torch stops, or a part of it."""
    paths = [one.path for one in ours.found]
    return any(path == theirs.path or path.startswith(theirs.path + ".") for path in paths)


def refused(theirs: Torch, ours: Archc) -> Outcome:
    """A network that does not run: rejected, and at the stage where torch stops or at one before that is in a class.

    References are told without a path.
    """
    said = f"torch stops at {theirs.path}: {theirs.refusal}; archc: {told(ours.found)}"
    if not ours.found:
        return Outcome("false accept", said)
    wiring = any(one.code.startswith("A04") for one in ours.found)
    agrees = names_the_stage(theirs, ours) or theirs.classes or wiring
    return Outcome("both reject" if agrees else "other reason", said)


def told(found: list[Diagnostic]) -> str:
    """Diagnostics in a line."""
    return "; ".join(f"{one.code} {one.path}: {one.message} ({one.label})" for one in found) or "accepts"


def excused(classes: set[str], found: list[Diagnostic]) -> Outcome:
    """A network that runs and is rejected: for what archc is stricter in, and with no word on anything else."""
    codes = {code for name in classes for code in CLASSES[name].codes}
    if classes and all(one.code in codes for one in found):
        return Outcome("stricter", ", ".join(sorted(classes)))
    return Outcome("false reject", f"{sorted(classes) or ''} {told(found)}")


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
