"""What the checks of the two ends see of a network, whole or with mistakes in it, and how they report."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from archc.analysis.replay import types_at
from archc.diagnostics import Label, Report, Span
from archc.ir.graph import Graph, Input, Node, Output, Scope
from archc.ir.types import TensorType
from archc.lower.env import Env, Evaluator, place
from archc.lower.record import Site
from archc.source import Scalar
from archc.spec.model import InputSpec, Spec

ALONE: Final = re.compile(r"[\"']?\$(?:(\w+)|\{\s*(\w+)\s*\})[\"']?\Z")


@dataclass(frozen=True, slots=True)
class Spot:
    """A place, and what is to be said there."""

    span: Span
    label: str


@dataclass(frozen=True)
class View:
    """A network as far as it could be lowered: a type of None is not known after a mistake."""

    evaluator: Evaluator
    env: Env
    spec: Spec
    input: Input
    nodes: Sequence[Node]
    scopes: Sequence[Scope]
    outputs: Sequence[Output]
    types: Sequence[TensorType | None]
    sites: Mapping[str, Site]
    graph: Graph | None
    """The whole graph, if there is no mistake in it."""

    # -- the network ------------------------------------------------------------------------------------------------

    @property
    def input_spec(self) -> InputSpec:
        """`input` as it is written."""
        assert self.spec.input is not None
        return self.spec.input

    @cached_property
    def makers(self) -> dict[int, Node]:
        """The node that makes each value."""
        return {node.output: node for node in self.nodes}

    @cached_property
    def scope_at(self) -> dict[str, Scope]:
        """Scopes by path."""
        return {scope.path: scope for scope in self.scopes}

    def is_misconnected(self) -> bool:
        """Whether a reference is wrong, so that it is not known which stage was to be an output."""
        report: Report = self.evaluator.report
        return any(diagnostic.code.startswith("A04") for diagnostic in report)

    def types_at(self, sizes: tuple[int, ...]) -> Sequence[TensorType | None] | None:
        """The type of every value where the data has `sizes`; None where the network does not take them."""
        if sizes == tuple(axis.default for axis in self.input.axes):
            return self.types
        if self.graph is None:
            return [type_ and replace(type_, spatial=(None,) * type_.rank) for type_ in self.types]
        types, fault = types_at(self.graph, sizes)
        return None if fault else types

    def type_of(self, value: int, types: Sequence[TensorType | None]) -> TensorType | None:
        """The type of a value, None where it is not known."""
        return types[value] if value < len(types) else None

    # -- places -----------------------------------------------------------------------------------------------------

    @property
    def channels_span(self) -> Span:
        """Where the input's channels, or features, are written."""
        return self.input_spec.channels.span

    def span_of(self, value: int) -> Span:
        """The stage that makes a value, in the user's own text if it can be: around a shipped block, its use."""
        node = self.makers.get(value)
        if node is None:
            return self.input_spec.span
        span, path = node.span, node.path
        while span.file.shipped and "." in path:
            path = path.rpartition(".")[0]
            span = self.scope_at[path].span if path in self.scope_at else span
        return node.span if span.file.shipped else span

    def path_of(self, value: int) -> str:
        """The path of the stage that makes a value."""
        node = self.makers.get(value)
        return node.path if node is not None else "input"

    def width_of(self, value: int) -> tuple[Span, str] | None:
        """Where the width of a value is written, and the name of the field, if the node that makes it has one."""
        node = self.makers.get(value)
        site = self.sites[node.path] if node is not None else None
        if site is None or site.width is None:
            return None
        bound, given = site.arguments[site.width]
        span, _ = place(given, site.env, bound.origin)
        return (self.span_of(value) if span.file.shipped else span), site.width

    def setting(self, span: Span) -> str:
        """The spec's param whose value stands at a place, as in `$num_classes`, or ""."""
        if span.line != span.end_line:
            return ""
        text = span.file.lines()[span.line - 1][span.column - 1 : span.end_column - 1]
        match = ALONE.match(text)
        name = (match[1] or match[2]) if match else ""
        return name if name in self.env.bounds else ""

    def setting_spots(self, name: str) -> tuple[Spot, ...]:
        """Where a param's value is written, unless it is another one than is in force."""
        for param in self.spec.params:
            default = param.default
            if param.name == name and isinstance(default, Scalar) and default.value == self.env.bounds[name].value:
                return (Spot(default.span, f"`{name}` is {default.value}"),)
        return ()

    # -- reports ----------------------------------------------------------------------------------------------------

    def report(
        self, code: str, message: str, *spots: Spot, help: str, notes: tuple[str, ...] = (), path: str = ""
    ) -> None:
        """Report a mistake between several places, the most telling first.

        It is placed in the spec itself rather than in one that it extends, and there rather than in a shipped block.
        """
        own = [spot for spot in spots if spot.span.file is self.spec.file]
        first = next(iter(own or [spot for spot in spots if not spot.span.file.shipped]), spots[0])
        others = tuple(Label(spot.span, spot.label) for spot in spots if spot.span != first.span)
        self.evaluator.fault(
            code,
            message,
            first.span,
            self.env,
            label=first.label,
            labels=tuple(dict.fromkeys(others)),
            help=help,
            notes=(*notes, *self.inherited()),
            path=path,
        )

    def inherited(self) -> tuple[str, ...]:
        """A note where another spec says what is trained on."""
        data = self.spec.train.entries.get("data") if self.spec.train is not None else None
        if data is None or data.key.span.file is self.spec.file:
            return ()
        return (f"`train.data` comes from {data.key.span.file.name}; `train: null` leaves the section out",)
