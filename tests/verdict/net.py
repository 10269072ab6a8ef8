"""The neutral form of a network: plain data from which a spec and an eager program are made independently."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

AXES = {0: (), 1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}
MERGES = ("add", "multiply", "concat")
Where = tuple[int, ...]
"""The place of a stage: its index in the network's list, then in its parent's, and so on."""


@dataclass(frozen=True)
class Stage:
    """One stage: a kind of op or block with attributes by PyTorch's names, or a group with stages of its own."""

    name: str
    kind: str
    attrs: dict[str, Any] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    """Names of earlier stages of the list, `input`, or `name.*` for all copies; the stage before if empty."""
    children: tuple[Stage, ...] = ()
    repeat: int | None = None
    named: bool = True
    """Whether the spec writes the name although nothing refers to it."""


@dataclass(frozen=True)
class Net:
    """A network with one input of `channels` (or features) and `sizes`; its outputs are the last stage, or those named."""

    channels: Any
    sizes: tuple[Any, ...]
    stages: tuple[Stage, ...]
    outputs: tuple[str, ...] = ()

    @property
    def rank(self) -> int:
        """The number of spatial axes of the input."""
        return len(self.sizes)


def references(stages: Sequence[Stage], outputs: Sequence[str] = ()) -> set[str]:
    """The names that something in the list refers to."""
    return {name.removesuffix(".*") for stage in stages for name in stage.inputs} | set(outputs)


def labels(stages: Sequence[Stage], outputs: Sequence[str] = ()) -> list[str]:
    """The last part of each stage's path: its name, or its place in the list where the spec does not write one."""
    needed = references(stages, outputs)
    return [s.name if s.named or s.name in needed else str(at) for at, s in enumerate(stages)]


def walk(stages: Sequence[Stage], above: Where = ()) -> Iterator[tuple[Where, Stage]]:
    """Every stage with its place, parents before their children."""
    for at, stage in enumerate(stages):
        yield (*above, at), stage
        yield from walk(stage.children, (*above, at))


def siblings(net: Net, where: Where) -> tuple[Stage, ...]:
    """The list that the stage at `where` stands in."""
    stages = net.stages
    for at in where[:-1]:
        stages = stages[at].children
    return stages


def at(net: Net, where: Where) -> Stage:
    """The stage at `where`."""
    return siblings(net, where)[where[-1]]


def with_list(net: Net, above: Where, stages: tuple[Stage, ...]) -> Net:
    """The network with another list of stages below the group at `above` (the network's own if empty)."""
    if not above:
        return replace(net, stages=stages)
    parent = at(net, above)
    return with_stage(net, above, replace(parent, children=stages))


def with_stage(net: Net, where: Where, *stages: Stage) -> Net:
    """The network with the stage at `where` replaced by others (by none: dropped)."""
    old = siblings(net, where)
    return with_list(net, where[:-1], (*old[: where[-1]], *stages, *old[where[-1] + 1 :]))


def without_references(stages: Sequence[Stage], name: str, instead: str | None) -> tuple[Stage, ...]:
    """The list with references to `name` changed to `instead`, or left out."""
    changed = []
    for stage in stages:
        inputs = [instead if one.removesuffix(".*") == name else one for one in stage.inputs]
        changed.append(replace(stage, inputs=tuple(one for one in inputs if one is not None)))
    return tuple(changed)
