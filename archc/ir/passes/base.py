"""What a pass is, and how passes run: a function from graph to graph, the verifier before and after each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from archc.ir.graph import Graph
from archc.ir.verify import verify

Pass = Callable[[Graph], Graph]


def run_passes(graph: Graph, passes: Sequence[Pass]) -> Graph:
    """Apply `passes` in order. Raises GraphError if one of them breaks an invariant."""
    verify(graph)
    for one in passes:
        graph = one(graph)
        verify(graph)
    return graph
