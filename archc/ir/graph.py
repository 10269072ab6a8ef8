"""The typed graph: ops in execution order, values by number, and the modules that hold them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from archc.diagnostics import Span
from archc.ir.ops import Init, Op, TensorSpec
from archc.ir.types import TensorType


@dataclass(frozen=True, slots=True)
class Axis:
    """One spatial axis of the input: fixed (`free` false), or free from `min` up in steps of `multiple_of`."""

    name: str
    default: int
    free: bool = False
    min: int = 1
    max: int | None = None
    multiple_of: int = 1

    def allows(self, size: int) -> bool:
        """Whether the input may have `size` along this axis."""
        if not self.free:
            return size == self.default
        return self.min <= size <= (self.max or size) and size % self.multiple_of == 0


@dataclass(frozen=True, slots=True)
class Input:
    """What enters the network: its channels (or features) and its spatial axes; the batch is always free."""

    channels: int
    axes: tuple[Axis, ...] = ()

    @property
    def type(self) -> TensorType:
        """The type at the default size."""
        return TensorType(self.channels, tuple(axis.default for axis in self.axes))


@dataclass(frozen=True, slots=True)
class Node:
    """One op in its place. `path` is its state_dict prefix and its name in every target and message."""

    path: str
    op: Op
    inputs: tuple[int, ...]
    output: int
    span: Span
    type: str
    """The word of the language that made it, say `global_avg_pool` for an adaptive pool."""
    init: tuple[tuple[str, Init], ...] = ()
    """Distributions that the spec sets, by tensor name; the others are the op's own."""

    def tensors(self) -> Iterator[tuple[str, TensorSpec, Init]]:
        """(state_dict key, tensor, distribution) of each tensor."""
        chosen = dict(self.init)
        for tensor in self.op.tensors():
            key = f"{self.path}.{tensor.name}" if tensor.name else self.path
            yield key, tensor, chosen.get(tensor.name or "weight", tensor.init)


@dataclass(frozen=True, slots=True)
class Scope:
    """A module that holds others: a group, the copies of a repeat, or one use of a block.

    `inputs` are the values that enter it, `output` the one that leaves; what happens between is told by the nodes and
    scopes whose path begins with its own. Values are numbered for the whole graph, so entering makes no new value.
    """

    path: str
    kind: Literal["group", "repeat", "block"]
    type: str
    """The block's type; "" for a group, the type of the copies for a repeat."""
    inputs: tuple[int, ...]
    output: int
    span: Span
    input_names: tuple[str, ...] = ("input",)


@dataclass(frozen=True, slots=True)
class Output:
    """A result of the network, under the name that targets give it."""

    name: str
    value: int
    training_only: bool = False


@dataclass(frozen=True)
class Graph:
    """A network. Immutable: a pass returns a new one.

    Value 0 is the input; node k's output is some later number; `types[v]` is value v's type at the default size.
    `nodes` stand in execution order, `scopes` in the order in which they are entered (a parent before its children).
    """

    name: str
    input: Input
    nodes: tuple[Node, ...]
    scopes: tuple[Scope, ...]
    outputs: tuple[Output, ...]
    types: tuple[TensorType, ...]
    order: tuple[str, ...] = field(default=())
    """The paths of nodes and scopes in the order of the text, which is the order of `children`."""
    aliases: tuple[tuple[str, str], ...] = ()
    """(older part, part of today) of names in weights files."""

    @cached_property
    def node_at(self) -> dict[str, Node]:
        """Nodes by path."""
        return {node.path: node for node in self.nodes}

    @cached_property
    def scope_at(self) -> dict[str, Scope]:
        """Scopes by path."""
        return {scope.path: scope for scope in self.scopes}

    @cached_property
    def _children(self) -> dict[str, list[Node | Scope]]:
        children: dict[str, list[Node | Scope]] = {"": []}
        for path in self.order:
            item = self.node_at.get(path) or self.scope_at.get(path)
            if item is not None:
                children.setdefault(path.rpartition(".")[0], []).append(item)
        return children

    def children(self, path: str = "") -> list[Node | Scope]:
        """The modules directly below `path` ("" : the network itself), in order."""
        return self._children.get(path, [])

    def tensors(self) -> Iterator[tuple[str, TensorSpec, Init]]:
        """(state_dict key, tensor, distribution) of every tensor, in the order of the nodes."""
        for node in self.nodes:
            yield from node.tensors()

    @cached_property
    def live_outputs(self) -> tuple[Output, ...]:
        """The outputs that exist outside training."""
        return tuple(output for output in self.outputs if not output.training_only)

    @cached_property
    def inference_nodes(self) -> frozenset[str]:
        """The paths of the nodes that outputs outside training need."""
        needed = {output.value for output in self.live_outputs}
        live: list[str] = []
        for node in reversed(self.nodes):
            if node.output in needed:
                live.append(node.path)
                needed.update(node.inputs)
        return frozenset(live)
