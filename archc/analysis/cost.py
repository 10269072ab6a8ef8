"""Parameters, multiply-accumulates and bytes of a graph and of its parts."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from archc.ir.graph import Graph, Node

BYTES = {"float32": 4, "int64": 8}


@dataclass(frozen=True, slots=True)
class Cost:
    """What a part of a network costs, for one example in float32."""

    parameters: int = 0
    macs: int = 0
    bytes: int = 0
    """Of all tensors, buffers included."""

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.parameters + other.parameters, self.macs + other.macs, self.bytes + other.bytes)


def node_cost(graph: Graph, node: Node) -> Cost:
    """The cost of one node; multiply-accumulates count only where the node lives outside training."""
    tensors = node.op.tensors()
    inputs = tuple(graph.types[value] for value in node.inputs)
    return Cost(
        parameters=sum(prod(tensor.shape) for tensor in tensors if tensor.trainable),
        macs=node.op.macs(inputs, graph.types[node.output]) if node.path in graph.inference_nodes else 0,
        bytes=sum(prod(tensor.shape) * BYTES[tensor.dtype] for tensor in tensors),
    )


def costs(graph: Graph) -> dict[str, Cost]:
    """The cost of the whole network (at "") and of each path, what is below it included."""
    sums: dict[str, list[int]] = {"": [0, 0, 0], **{path: [0, 0, 0] for path in graph.order}}
    known: dict[tuple[int, tuple[int, ...]], Cost] = {}
    live, types = graph.inference_nodes, [id(type_) for type_ in graph.types]
    for node in graph.nodes:
        # Copies share their ops and types.
        key = id(node.op) if node.path in live else -id(node.op), tuple([types[value] for value in node.inputs])
        cost = known.get(key)
        if cost is None:
            cost = known[key] = node_cost(graph, node)
        path = node.path
        while path:
            own = sums[path]
            own[0] += cost.parameters
            own[1] += cost.macs
            own[2] += cost.bytes
            path = path.rpartition(".")[0]
        total = sums[""]
        total[0] += cost.parameters
        total[1] += cost.macs
        total[2] += cost.bytes
    return {path: Cost(*own) for path, own in sums.items()}


def peak_activation_bytes(graph: Graph) -> int:
    """The most bytes of values alive at once in inference, for one example in float32, freeing each after its last use."""
    nodes = [node for node in graph.nodes if node.path in graph.inference_nodes]
    last = {value: at for at, node in enumerate(nodes) for value in node.inputs}
    last.update({output.value: len(nodes) for output in graph.live_outputs})
    alive = {0: graph.types[0].size}
    peak = 0
    for at, node in enumerate(nodes):
        alive[node.output] = graph.types[node.output].size
        peak = max(peak, sum(alive.values()))
        alive = {value: size for value, size in alive.items() if last.get(value, -1) > at}
    return 4 * peak
