"""Drops what exists in training only: outputs, dropout, stochastic depth, and the nodes that nothing else needs."""

from __future__ import annotations

from dataclasses import replace

from archc.ir.graph import Graph, Node, Scope


def inference(graph: Graph) -> Graph:
    """The graph as it acts in eval mode. A node that is the identity there gives way to its input."""
    same: dict[int, int] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        if node.path not in graph.inference_nodes:
            continue
        inputs = tuple(same.get(value, value) for value in node.inputs)
        if node.op.identity_in_eval:
            same[node.output] = inputs[0]
        else:
            nodes.append(replace(node, inputs=inputs))
    outputs = tuple(replace(out, value=same.get(out.value, out.value)) for out in graph.live_outputs)
    defined = {0, *(node.output for node in nodes)}
    scopes = tuple(_renamed(scope, same) for scope in graph.scopes)
    scopes = tuple(scope for scope in scopes if {*scope.inputs, scope.output} <= defined)
    kept = {node.path for node in nodes} | {scope.path for scope in scopes}
    order = tuple(path for path in graph.order if path in kept)
    return replace(graph, nodes=tuple(nodes), scopes=scopes, outputs=outputs, order=order)


def _renamed(scope: Scope, same: dict[int, int]) -> Scope:
    inputs = tuple(same.get(value, value) for value in scope.inputs)
    return replace(scope, inputs=inputs, output=same.get(scope.output, scope.output))
