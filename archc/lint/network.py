"""What a rule sees of a network, and the finding that it makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from archc.diagnostics import Diagnostic, Label, Span
from archc.ir.graph import Graph, Node
from archc.ir.types import TensorType
from archc.lower.env import place
from archc.lower.record import Record, Site
from archc.source import Scalar, Sequence, Tree
from archc.spec.model import Spec


@dataclass(frozen=True, slots=True)
class Finding:
    """A warning, and every place at which a comment can silence it: where it stands, and what led there."""

    diagnostic: Diagnostic
    places: tuple[Span, ...]


@dataclass(frozen=True, eq=False)
class Network:
    """A spec without errors, its graph, and where each node of it was written."""

    spec: Spec
    graph: Graph
    record: Record

    @cached_property
    def makers(self) -> dict[int, Node]:
        """The node that makes each value but the input."""
        return {node.output: node for node in self.graph.nodes}

    @cached_property
    def takers(self) -> dict[int, list[Node]]:
        """The nodes that take each value that any takes."""
        takers: dict[int, list[Node]] = {}
        for node in self.graph.nodes:
            for value in set(node.inputs):
                takers.setdefault(value, []).append(node)
        return takers

    @cached_property
    def results(self) -> frozenset[int]:
        """The values that the network gives."""
        return frozenset(output.value for output in self.graph.outputs)

    @cached_property
    def pairs(self) -> tuple[tuple[Node, Node], ...]:
        """Each node with the one that takes its output, where nothing else does."""
        follows = ((node, self.follower(node)) for node in self.graph.nodes)
        return tuple((node, after) for node, after in follows if after is not None)

    def follower(self, node: Node) -> Node | None:
        """The node that takes a node's output, where nothing else does."""
        takers = self.takers.get(node.output, ())
        return takers[0] if len(takers) == 1 and node.output not in self.results else None

    def type_in(self, node: Node) -> TensorType:
        """The type of what enters a node; of the first input, if there are several."""
        return self.graph.types[node.inputs[0]]

    def is_fixed(self, axis: int) -> bool:
        """Whether the input's size along a spatial axis is one size."""
        axes = self.graph.input.axes
        return axis >= len(axes) or not axes[axis].free

    def site(self, node: Node) -> Site:
        """Where a node was written."""
        return self.record.sites[node.path]

    def is_literal(self, node: Node, field: str) -> bool:
        """Whether the user wrote a field, if at all, as plain numbers, not as an expression that may give others."""
        site = self.site(node)
        if not site.is_given(field):
            return True
        entry = site.stage.args.get(field)
        return entry is not None and not entry.value.span.file.shipped and _is_plain(entry.value)

    def finding(
        self,
        code: str,
        message: str,
        node: Node,
        *,
        field: str = "",
        label: str = "",
        other: tuple[Node, str] | None = None,
        notes: tuple[str, ...] = (),
        help: str = "",
    ) -> Finding:
        """A warning about a node, at the field that is to blame if it is written; `other` is a second node and its label."""
        site = self.site(node)
        bound, span = site.arguments.get(field, (None, site.stage.span))
        origin = bound.origin if bound is not None else None
        primary, more = place(span, site.env, origin)
        labels = self.label(*other, primary) if other is not None else ()
        uses = tuple(use.span for use in site.env.uses if use.span is not None)
        spans = (primary, span, site.stage.span, *((origin,) if origin is not None else ()), *uses)
        return Finding(Diagnostic(code, message, primary, label, (*labels, *more), notes, help, node.path), spans)

    def label(self, node: Node, text: str, primary: Span) -> tuple[Label, ...]:
        """A label at another node, unless it would stand on the same text or in a file that ships."""
        site = self.site(node)
        spot, _ = place(site.stage.span, site.env)
        return () if spot.file.shipped or spot == primary else (Label(spot, text),)


def _is_plain(tree: Tree) -> bool:
    if isinstance(tree, Sequence):
        return all(_is_plain(item) for item in tree.items)
    return isinstance(tree, Scalar) and not isinstance(tree.value, str)
