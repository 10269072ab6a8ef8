"""Which activations may write over what they take, as a person would write them: `nn.ReLU(inplace=True)`.

A value is written over only where nobody else can see it: one node takes it, no module returns it or is given it from
outside, and the op that made it does not need it again for its gradient (https://docs.pytorch.org/docs/main/notes/autograd.html).
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from archc.ir import ops
from archc.ir.graph import Graph

FUNCTIONS: Final = frozenset({"relu", "relu6"})
"""Those whose gradient is found from what they give: the others would keep a copy of what they take."""

FORGETFUL: Final = (ops.Conv, ops.ConvTranspose, ops.Linear, ops.BatchNorm, ops.GroupNorm, ops.Add)
"""Ops that give a tensor of its own, and whose gradient does not need it."""


def in_place(graph: Graph) -> frozenset[str]:
    """The paths of the activations that may work in place."""
    makers = {node.output: node for node in graph.nodes}
    uses = Counter(value for node in graph.nodes for value in node.inputs)
    uses.update(output.value for output in graph.outputs)
    ends: dict[int, list[str]] = {}
    for scope in graph.scopes:
        ends.setdefault(scope.output, []).append(scope.path + ".")
    found = set()
    for node in graph.nodes:
        if not (isinstance(node.op, ops.Activation) and node.op.function in FUNCTIONS):
            continue
        (value,) = node.inputs
        maker, module = makers.get(value), node.path.rpartition(".")[0]
        if maker is None or uses[value] > 1 or not isinstance(maker.op, FORGETFUL):
            continue
        is_inside = not module or maker.path.startswith(module + ".")
        if is_inside and not any(node.path.startswith(end) for end in ends.get(value, ())):
            found.add(node.path)
    return frozenset(found)
