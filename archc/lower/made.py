"""What lowering has made so far, and once more what was made before: copies that differ in nothing but their path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from archc.diagnostics import Span
from archc.ir.graph import Node, Scope
from archc.ir.types import TensorType
from archc.lower.env import Env
from archc.lower.frames import Claim, Flow
from archc.lower.record import Site


@dataclass(frozen=True, slots=True, eq=False)
class Mark:
    """How much there was at some moment."""

    nodes: int
    scopes: int
    order: int
    types: int
    claims: int
    steps: int


@dataclass(frozen=True, slots=True, eq=False)
class Passage:
    """What was made between two marks: it took `given` and gave `flow`, whose path is that of all."""

    since: Mark
    until: Mark
    given: Flow
    flow: Flow
    depth: int = 0
    """How many blocks and lists were around it."""
    env: Env | None = None
    """What it was made in, where it may be made again elsewhere."""

    @property
    def ops(self) -> int:
        """How many ops it has."""
        return self.until.nodes - self.since.nodes

    @property
    def steps(self) -> int:
        """How many stages it has."""
        return self.until.steps - self.since.steps


@dataclass(slots=True, eq=False)
class Repeat:
    """A repeat while it is lowered: how many copies it is to have, and the ops of those that it has."""

    path: str
    span: Span
    env: Env
    count: int
    start: int
    """How many ops there were before it."""
    done: int = 0
    ops: int = 0
    """Of the copies that are done."""
    each: int | None = None
    """Of each of them; None where they differ."""
    rest: int = 0
    """Of the copies that are left, where that is known."""

    def copied(self, nodes: int) -> None:
        """One more copy is done; `nodes` ops are there now."""
        own = nodes - self.start - self.ops
        self.each = own if self.done == 0 or self.each == own else None
        self.done, self.ops = self.done + 1, self.ops + own

    def sum(self) -> str:
        """How many ops it makes."""
        if self.each is None and self.rest:
            return f"{self.count:,} copies make {self.ops + self.rest:,} ops"
        if self.each is None:
            return f"{self.done:,} of {self.count:,} copies have {self.ops:,} ops already"
        return f"{self.count:,} copies of {self.each:,} op{'s' * (self.each != 1)} make {self.count * self.each:,}"


@dataclass(slots=True, eq=False)
class Made:
    """Nodes, scopes and values in the order in which they were made."""

    nodes: list[Node] = field(default_factory=list)
    scopes: list[Scope] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    types: list[TensorType | None] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    sites: dict[str, Site] = field(default_factory=dict)
    """Where each node came from, by its path."""
    steps: int = 0
    """How many stages were lowered, those that `when` removes counted."""

    def flow(self, type_: TensorType | None, span: Span, maker: str) -> Flow:
        """A new value."""
        self.types.append(type_)
        return Flow(len(self.types) - 1, type_, span, maker)

    def enter(
        self,
        path: str,
        kind: Literal["group", "repeat", "block"],
        type_: str,
        flows: Sequence[Flow],
        span: Span,
        names: tuple[str, ...],
    ) -> int:
        """Begin a scope; its output follows in `leave`."""
        inputs = tuple(flow.id for flow in flows)
        self.scopes.append(Scope(path, kind, type_, inputs, -1, span, names))
        self.order.append(path)
        return len(self.scopes) - 1

    def leave(self, at: int, flow: Flow) -> None:
        """End a scope."""
        one = self.scopes[at]
        self.scopes[at] = Scope(one.path, one.kind, one.type, one.inputs, flow.id, one.span, one.input_names)

    def mark(self) -> Mark:
        """How much there is now."""
        return Mark(len(self.nodes), len(self.scopes), len(self.order), len(self.types), len(self.claims), self.steps)

    def again(self, passage: Passage, taken: Flow, path: str, env: Env | None = None) -> Flow:
        """A passage once more, at another path, of another value of the same type; of a use in `env`, where that is told."""
        since, until, given, old = passage.since, passage.until, passage.given, passage.flow
        before = passage.env.uses if passage.env is not None else ()
        elsewhere = env.uses if env is not None and env.uses is not before else None
        cut, shift = len(old.maker), len(self.types) - since.types
        first, entering, taking = since.types, given.id, taken.id

        def moved(value: int) -> int:
            return value + shift if value >= first else taking if value == entering else value

        for node in self.nodes[since.nodes : until.nodes]:
            inputs = tuple([moved(value) for value in node.inputs])
            name = path + node.path[cut:]
            self.nodes.append(Node(name, node.op, inputs, node.output + shift, node.span, node.type, node.init))
            site = self.sites[node.path]
            self.sites[name] = site if elsewhere is None else site.moved(elsewhere, len(before))
        for scope in self.scopes[since.scopes : until.scopes]:
            inputs, output = tuple([moved(value) for value in scope.inputs]), moved(scope.output)
            name = path + scope.path[cut:]
            self.scopes.append(Scope(name, scope.kind, scope.type, inputs, output, scope.span, scope.input_names))
        for claim in self.claims[since.claims : until.claims]:
            self.claims.append(Claim(path + claim.path[cut:], claim.tree, moved(claim.value), claim.env))
        self.order += [path + name[cut:] for name in self.order[since.order : until.order]]
        self.types += self.types[since.types : until.types]
        self.steps += until.steps - since.steps
        return replace(old, id=moved(old.id), maker=path)
