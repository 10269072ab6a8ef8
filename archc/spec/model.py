"""What a spec says, as data: stages, definitions, and the spec itself; expressions are still trees."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from archc.diagnostics import SourceFile, Span
from archc.source import Entry, Mapping, Scalar, Tree
from archc.spec.params import Param

STAGE_FIELDS: Final = {
    "name": "the stage's name: a part of every path below it",
    "type": "a primitive or a block",
    "stages": "the stages of a group, in place of a type",
    "repeat": "how many copies; adds a level 0, 1, ...",
    "from": "earlier stages of the same list, or `input`; the stage before by default",
    "when": "a condition; where it is false the stage is not there",
    "inline": "true: adds no level, children or copies stand in the enclosing list",
    "names": "new names for a typed block's children",
    "expect": "the output's shape without the batch, `null` for any size",
    "init": "distributions to draw its tensors from",
    "doc": "a sentence for the reader",
}


@dataclass(frozen=True, slots=True)
class Reference:
    """A name in `from`: a stage, `input`, or every copy of a repeated stage (`m.*`); "" for what cannot be read."""

    name: str
    every: bool
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """One stage as it was written."""

    span: Span
    """The smallest place that stands for the stage: its type's value, else its first key."""
    name: Scalar | None = None
    type: Scalar | None = None
    args: dict[str, Entry] = field(default_factory=dict)
    stages: tuple[Stage, ...] | None = None
    repeat: Tree | None = None
    from_: tuple[Reference, ...] = ()
    when: Tree | None = None
    inline: bool = False
    names: dict[str, Entry] = field(default_factory=dict)
    names_span: Span | None = None
    expect: Tree | None = None
    init: Mapping | None = None
    given: frozenset[str] = frozenset()
    """The keys that are written."""
    has_lost_name: bool = False
    """Whether it has a name that could not be read."""
    faulty: bool = False
    """Whether it has neither a type nor stages that can be read, so that nothing is known of it."""
    respelt: Stage | None = None
    """The stage as it was meant, if its type has no fields like `misspelt`."""
    misspelt: tuple[Entry, ...] = ()
    """The entries that look like fields of every stage, misspelt."""


@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """A block defined in the language."""

    name: str
    span: Span
    params: tuple[Param, ...]
    inputs: tuple[str, ...]
    """Empty where they could not be read."""
    stages: tuple[Stage, ...]
    doc: str = ""
    is_open: bool = False
    """Whether it may have params that could not be read."""


@dataclass(frozen=True, slots=True, eq=False)
class OutputSpec:
    """An entry of `outputs`."""

    name: str
    reference: Reference
    training_only: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class AxisSpec:
    """A spatial axis of `input`: the trees of its fields, `default` alone where the size is fixed."""

    name: str
    span: Span
    fields: dict[str, Tree]
    free: bool


@dataclass(frozen=True, slots=True, eq=False)
class InputSpec:
    """`input`: channels (or features) and axes, still trees."""

    span: Span
    channels: Tree
    axes: tuple[AxisSpec, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Spec:
    """A spec, its variants merged."""

    file: SourceFile
    name: str
    input: InputSpec | None
    """None after a mistake of form."""
    params: tuple[Param, ...]
    blocks: dict[str, Definition]
    stages: tuple[Stage, ...]
    outputs: tuple[OutputSpec, ...] = ()
    defaults: Mapping | None = None
    init: Mapping | None = None
    expect: Mapping | None = None
    budget: Mapping | None = None
    aliases: Mapping | None = None
    train: Mapping | None = None
    is_open: bool = False
    """Whether it may have params that could not be read."""
    has_lost_blocks: bool = False
    """Whether it may define blocks that could not be read."""
    has_lost_outputs: bool = False
    """Whether it says what its outputs are in a way that could not be read."""
    has_lost_names: bool = False
    """Whether a stage of its list has a name that could not be read."""
    has_lost_defaults: bool = False
    """Whether it may give fields in `defaults` that could not be read."""
    is_partial: bool = False
    """Whether it extends a spec that could not be read, so that nothing is known of what comes before its stages."""
