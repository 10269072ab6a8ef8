"""The verifier: what must hold of every graph, before and after each pass. A failure is a mistake in archc."""

from __future__ import annotations

from collections.abc import Iterator

from archc.ir.graph import Graph


class GraphError(Exception):
    """A graph breaks an invariant; this is never the user's mistake."""


def verify(graph: Graph) -> None:
    """Raise GraphError naming every invariant that `graph` breaks."""
    faults = [*_values(graph), *_paths(graph), *_shapes(graph)]
    if faults:
        raise GraphError(f"{graph.name}: " + "; ".join(faults))


def _values(graph: Graph) -> Iterator[str]:
    defined = {0}
    for node in graph.nodes:
        for value in node.inputs:
            if value not in defined:
                yield f"{node.path} uses value {value} before it exists"
        if node.output in defined:
            yield f"{node.path} defines value {node.output} again"
        defined.add(node.output)
    for output in graph.outputs:
        if output.value not in defined:
            yield f"output {output.name} is value {output.value}, which nothing defines"
    for scope in graph.scopes:
        for value in (*scope.inputs, scope.output):
            if value not in defined:
                yield f"scope {scope.path} names value {value}, which nothing defines"
    if not graph.live_outputs:
        yield "no output lives outside training"


def _paths(graph: Graph) -> Iterator[str]:
    paths = [node.path for node in graph.nodes] + [scope.path for scope in graph.scopes]
    if len(set(paths)) != len(paths):
        yield "a path is used twice"
    if set(paths) != set(graph.order) or len(graph.order) != len(paths):
        yield "`order` does not list each path once"
    for path in paths:
        parent = path.rpartition(".")[0]
        if parent and parent not in graph.scope_at:
            yield f"{path} stands in no scope"


def _shapes(graph: Graph) -> Iterator[str]:
    if graph.types[0] != graph.input.type:
        yield "value 0 has not the input's type"
    for node in graph.nodes:
        inputs = tuple(graph.types[value] for value in node.inputs)
        if node.op.arity is not None and len(inputs) != node.op.arity:
            yield f"{node.path} has {len(inputs)} inputs"
            continue
        for violation in node.op.requires(*inputs):
            yield f"{node.path} breaks {violation.code}: {violation.message}"
        if None in graph.types[node.output].dims or node.op.infer(*inputs) != graph.types[node.output]:
            yield f"{node.path} gives {node.op.infer(*inputs)}, recorded is {graph.types[node.output]}"
