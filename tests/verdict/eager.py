"""The eager program: modules of torch.nn, built while a batch runs through them, and run again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

from . import composites
from .modules import MAKERS, Refused, Shape
from .net import MERGES, Net, Stage, labels, references
from .stricter import of_module, of_stage

MAX_ELEMENTS = 2_000_000


class TooLarge(Exception):
    """A tensor too large for a test."""


@dataclass(frozen=True)
class Value:
    """A tensor in flight, and whether its channels stand last."""

    data: Tensor
    last: bool = False


class Chain(nn.Module):
    """A list of stages with references among them: what a hand-written `forward` with local variables does."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = nn.ModuleList()
        self.plan: list[tuple[str, tuple[str, ...]]] = []
        self.results: tuple[str, ...] = ("input",)

    def forward(self, x: Tensor) -> Any:
        values = {"input": x}
        for (name, sources), step in zip(self.plan, self.steps, strict=True):
            values[name] = step(*(values[source] for source in sources))
        found = tuple(values[name] for name in self.results)
        return found if len(found) > 1 else found[0]


@dataclass
class Scope:
    """The local variables of one list while it is built."""

    values: dict[str, Value]
    last: str = "input"
    copies: dict[str, list[str]] = field(default_factory=dict)

    def sources(self, stage: Stage) -> list[str]:
        """The variables that a stage takes. Raises Refused for a name that is not there."""
        found: list[str] = []
        for name in stage.inputs or (self.last,):
            if name.endswith(".*"):
                found += self.copies.get(name[:-2], [name[:-2]])
            else:
                found.append(self.copies[name][-1] if name in self.copies else name)
        for name in found:
            if name not in self.values:
                raise Refused(f"name '{name}' is not defined")
        return found


@dataclass
class Builder:
    """Builds modules while values run through them; notes shapes by path, and the classes in which archc is stricter."""

    rank: int
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    classes: set[str] = field(default_factory=set)
    path: str = ""
    """Of the stage that is being built: where torch refuses."""

    def chain(self, stages: Sequence[Stage], x: Value, prefix: str = "", outputs: Sequence[str] = ()) -> Value:
        """The modules of a list, run on `x`; the chain itself is `self.built`."""
        chain, scope = Chain(), Scope({"input": x})
        if any(one.kind in MERGES and len(one.inputs) < 2 and not "".join(one.inputs).endswith(".*") for one in stages):
            self.classes.add("merge of one")
        if dead(stages, outputs):
            self.classes.add("unused")
        for stage, label in zip(stages, labels(stages, outputs), strict=True):
            self.stage(stage, prefix + label, chain, scope)
        chain.results = tuple(scope.sources(Stage("", "", inputs=tuple(outputs)))) if outputs else (scope.last,)
        self.built = chain
        return scope.values[chain.results[0]]

    def stage(self, stage: Stage, path: str, chain: Chain, scope: Scope) -> None:
        """One stage, or its copies, appended to the chain."""
        sources = scope.sources(stage)
        names = [stage.name] if stage.repeat is None else [f"{stage.name}.{at}" for at in range(stage.repeat)]
        if not names:
            raise Refused("a repeat of nothing")
        for at, name in enumerate(names):
            module, value = self.copy(stage, at, path if name == stage.name else f"{path}.{at}", sources, scope)
            chain.steps.append(module)
            chain.plan.append((name, tuple(sources)))
            scope.values[name], scope.last, sources = value, name, [name]
        if stage.repeat is not None:
            scope.copies[stage.name] = names
            self.shapes[path] = tuple(value.data.shape[1:])

    def copy(self, stage: Stage, at: int, path: str, sources: list[str], scope: Scope) -> tuple[nn.Module, Value]:
        """One copy of a stage; a stride is that of the first copy only."""
        attrs = {**stage.attrs, "stride": 1} if at and "stride" in stage.attrs else stage.attrs
        given = [scope.values[name] for name in sources]
        self.path = path
        if stage.kind == "group":
            if len(given) != 1:
                raise Refused("a group takes one input")
            value = self.chain(stage.children, given[0], path + ".")
            module: nn.Module = self.built
        else:
            module, value = self.leaf(stage.kind, attrs, given)
        self.shapes[path] = tuple(value.data.shape[1:])
        return module, value

    def leaf(self, kind: str, attrs: dict[str, Any], given: list[Value]) -> tuple[nn.Module, Value]:
        """One op or block, made for what arrives and run on it."""
        shapes = [Shape(one.data, one.last, self.rank) for one in given]
        if kind in MAKERS:
            module = MAKERS[kind](kind, attrs, shapes[0])
        else:
            module = composites.make(kind, attrs, shapes, self.rank)
        out = module(*(one.data for one in given))
        if out.numel() > MAX_ELEMENTS:
            raise TooLarge
        self.classes.update(of_stage(kind, attrs, [(one.data, one.last) for one in given], self.rank))
        return module, Value(out, given[0].last if kind not in LAYOUTS else LAYOUTS[kind])


LAYOUTS = {"channels_last": True, "channels_first": False, "flatten": False}


def dead(stages: Sequence[Stage], outputs: Sequence[str]) -> set[str]:
    """The stages of a list whose output nothing takes."""
    used = references(stages, outputs)
    if not outputs and stages:
        used.add(stages[-1].name)
    used |= {before.name for before, after in pairwise(stages) if not after.inputs}
    return {stage.name for stage in stages} - used


@contextmanager
def observed(classes: set[str]) -> Iterator[None]:
    """Notes the classes of every call of a module meanwhile."""

    def note(module: nn.Module, inputs: Any, output: Any) -> None:
        classes.update(of_module(module, inputs, output))

    handle = register_module_forward_hook(note)
    try:
        yield
    finally:
        handle.remove()


def batch(net: Net, size: int) -> Tensor:
    """A batch of random numbers for a network."""
    return torch.randn(size, net.channels, *net.sizes)


def build(net: Net, builder: Builder) -> Chain:
    """The program of a network, built in training mode on a batch of two. Raises what torch raises."""
    x = batch(net, 2)
    if x.numel() == 0:
        builder.classes.add("nothing left")
    with observed(builder.classes):
        builder.chain(net.stages, Value(x), outputs=net.outputs)
    return builder.built
