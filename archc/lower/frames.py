"""The state of lowering one list of stages: values in flight, the names that `from` can use, the names that paths use."""

from __future__ import annotations

from dataclasses import dataclass, field

from archc.diagnostics import Span
from archc.ir.types import TensorType
from archc.lower.env import Env
from archc.source import Mapping, Tree
from archc.spec.model import Stage
from archc.spec.values import BlockRef


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """A value in flight: its number, its type (None: unknown after a mistake), and the stage that made it."""

    id: int
    type: TensorType | None
    span: Span
    maker: str
    absent: Span | None = None
    """Where the value stands in for a stage that `when` removed: the argument that removed it, if one did."""


@dataclass(slots=True, eq=False)
class Ref:
    """A stage of a list that later ones can name: what it gives, and whether anything takes it."""

    flow: Flow
    span: Span
    copies: tuple[Flow, ...] = ()
    used: bool = False
    present: bool = True
    stands_for: Ref | None = None
    """Of a stage that `when` removed: the stage whose output it stands for."""

    def use(self) -> None:
        """Note that something takes the value."""
        self.used = True
        if self.stands_for is not None:
            self.stands_for.use()


@dataclass(slots=True, eq=False)
class Frame:
    """One list of stages while it is lowered."""

    inputs: dict[str, Ref]
    names: frozenset[str]
    """The names of all stages of the list, to tell a forward reference from an unknown one."""
    outer: Frame | None = None
    refs: dict[str, Ref] = field(default_factory=dict)
    stages: list[Ref] = field(default_factory=list)
    last: Ref | None = None
    excused: set[str] = field(default_factory=set)
    """Names that a faulty reference mentions: whether anything takes those stages is not known."""

    def excuse(self, name: str) -> None:
        """Say nothing of the stage of that name, earlier or later, if nothing takes it."""
        self.excused.add(name)
        if name in self.refs:
            self.refs[name].use()

    def find(self, name: str) -> Ref | None:
        """The stage or input of that name, or None."""
        if name == "input" and "input" not in self.inputs:
            return next(iter(self.inputs.values()))
        return self.refs.get(name) or self.inputs.get(name)

    @property
    def current(self) -> Ref:
        """What the next stage takes if it does not say."""
        return self.last or next(iter(self.inputs.values()))

    def add(self, ref: Ref, name: str | None) -> None:
        """Append a stage."""
        self.stages.append(ref)
        self.last = ref
        if name is not None:
            self.refs[name] = ref
            ref.used = ref.used or name in self.excused


@dataclass(slots=True, eq=False)
class Namespace:
    """The children of one module: where the next unnamed one is numbered, and which names are taken."""

    prefix: str = ""
    place: int = 0
    taken: dict[str, Span] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class InitLayer:
    """An `init` in force: by type of primitive, below the stage (or spec) that says it."""

    tree: Mapping
    env: Env


@dataclass(frozen=True, slots=True, eq=False)
class Claim:
    """An `expect`: what it says, and the value that it is about."""

    path: str
    tree: Tree
    value: int
    env: Env


@dataclass(slots=True, eq=False)
class Seen:
    """What is somewhere in the network, so that the rest of the text can be told apart."""

    stages: set[int] = field(default_factory=set)
    """Stages by their ids."""
    blocks: set[Span] = field(default_factory=set)
    """Where the blocks stand that some stage had as its type."""

    def note(self, stage: Stage, block: BlockRef | None) -> None:
        """A stage is there, and `block` gave its type if it is not None."""
        self.stages.add(id(stage))
        if block is not None:
            self.blocks.add(block.span)
