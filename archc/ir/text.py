"""The graph as text, one line a node: what `archc show --graph` prints and what tests compare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from archc.ir.graph import Graph, Node


def to_text(graph: Graph) -> str:
    """Each node as `%output = op(%inputs) {fields} -> type  # path`."""
    lines = [f"graph {graph.name} (%0: {graph.types[0]})"]
    lines += [f"  {_node(graph, node)}" for node in graph.nodes]
    for output in graph.outputs:
        lines.append(f"  return {output.name} = %{output.value}" + (" in training" if output.training_only else ""))
    return "\n".join(lines) + "\n"


def _node(graph: Graph, node: Node) -> str:
    inputs = ", ".join(f"%{value}" for value in node.inputs)
    attributes = ", ".join(f"{f.name}={_value(getattr(node.op, f.name))}" for f in fields(node.op))
    body = f"%{node.output} = {type(node.op).__name__}({inputs})" + (f" {{{attributes}}}" if attributes else "")
    return f"{body} -> {graph.types[node.output]}  # {node.path}"


def _value(value: object) -> str:
    return repr(dict(value)) if isinstance(value, Mapping) else repr(value)
