"""Folds what scales and shifts channels (batch norms, learned scales) into the layer with weights that stands before it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from archc.ir.graph import Graph, Node
from archc.ir.ops import BatchNorm, Conv, ConvTranspose, Linear, Scale


@dataclass(frozen=True, slots=True)
class Chain:
    """A layer with weights, and the nodes behind it whose work its weights can do."""

    layer: Node
    followers: tuple[Node, ...]

    @property
    def folded(self) -> Node:
        """The layer that does the work of the whole chain: it has a bias where a batch norm brings one."""
        op: Any = self.layer.op
        bias = op.bias or any(isinstance(node.op, BatchNorm) for node in self.followers)
        return replace(self.layer, op=replace(op, bias=bias), output=self.followers[-1].output)


def chains(graph: Graph) -> list[Chain]:
    """Each convolution or linear layer whose value only a batch norm or a scale takes, with all that can follow it so."""
    uses = Counter(value for node in graph.nodes for value in node.inputs)
    uses.update(output.value for output in graph.outputs)
    taker = {node.inputs[0]: node for node in graph.nodes if isinstance(node.op, BatchNorm | Scale)}
    found = []
    for node in graph.nodes:
        followers: list[Node] = []
        value = node.output
        while isinstance(node.op, Conv | ConvTranspose | Linear) and uses[value] == 1 and value in taker:
            followers.append(taker[value])
            value = followers[-1].output
        if followers:
            found.append(Chain(node, tuple(followers)))
    return found


def fold(graph: Graph) -> Graph:
    """The graph in which each chain is one layer, whose value is that of the chain's end. Holds in inference only."""
    layers: dict[str, Node] = {}
    ends: dict[int, int] = {}
    gone: set[str] = set()
    for chain in chains(graph):
        layers[chain.layer.path] = chain.folded
        gone.update(node.path for node in chain.followers)
        ends.update(dict.fromkeys((chain.layer.output, *(n.output for n in chain.followers)), chain.folded.output))
    nodes = tuple(layers.get(node.path, node) for node in graph.nodes if node.path not in gone)
    scopes = tuple(
        replace(
            scope,
            inputs=tuple(ends.get(value, value) for value in scope.inputs),
            output=ends.get(scope.output, scope.output),
        )
        for scope in graph.scopes
    )
    order = tuple(path for path in graph.order if path not in gone)
    return replace(graph, nodes=nodes, scopes=scopes, order=order)
