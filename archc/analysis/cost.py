"""Parameters, multiply-accumulates and bytes of a graph and of its parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from archc.ir.graph import Graph, Node
from archc.ir.in_place import in_place
from archc.ir.ops import Flatten

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
        sums[node.path] = [cost.parameters, cost.macs, cost.bytes]
    for path in reversed(graph.order):  # what is inside comes after what holds it
        whole, own = sums[path.rpartition(".")[0]], sums[path]
        whole[0] += own[0]
        whole[1] += own[1]
        whole[2] += own[2]
    return {path: Cost(*own) for path, own in sums.items()}


def parameters(graph: Graph) -> tuple[int, ...]:
    """The parameters of each node, in their order."""
    known: dict[int, int] = {}  # copies share their ops
    for node in graph.nodes:
        if id(node.op) not in known:
            known[id(node.op)] = sum(prod(tensor.shape) for tensor in node.op.tensors() if tensor.trainable)
    return tuple([known[id(node.op)] for node in graph.nodes])


@dataclass(frozen=True, slots=True)
class Peak:
    """The moment of inference at which most is held: the node that runs, and the bytes of each value by its maker's path."""

    at: str
    alive: Mapping[str, int]
    """For one example in float32; the input's path is ""."""

    @property
    def bytes(self) -> int:
        """Of all values together."""
        return sum(self.alive.values())


def peak_activations(graph: Graph) -> Peak:
    """Where the values alive at once take most, each freed after its last use, in the order of the nodes.

    What a node gives is a value of its own, but for a flatten, for what is the identity outside training and for what
    works in place: they give the value that they get. What a node needs while it runs, and the weights, are not counted.
    """
    nodes = [node for node in graph.nodes if node.path in graph.inference_nodes]
    held, over = {0: 0}, in_place(graph)
    for node in nodes:
        held[node.output] = held[node.inputs[0]] if node.path in over or _is_view(node) else node.output
    makers = {0: "", **{node.output: node.path for node in nodes}}
    last = {held[value]: at for at, node in enumerate(nodes) for value in node.inputs}
    last |= {held[output.value]: len(nodes) for output in graph.live_outputs}
    alive = {0: BYTES["float32"] * graph.types[0].size}
    now = most = sum(alive.values())
    peak = Peak("", {"": now})
    for at, node in enumerate(nodes):
        value = held[node.output]
        if value not in alive:
            alive[value] = BYTES["float32"] * graph.types[value].size
            now += alive[value]
        if now > most:
            most, peak = now, Peak(node.path, {makers[one]: size for one, size in alive.items()})
        for used in {held[one] for one in (*node.inputs, node.output)}:
            if last.get(used, -1) <= at and used in alive:
                now -= alive.pop(used)
    return peak


def _is_view(node: Node) -> bool:
    return isinstance(node.op, Flatten) or node.op.identity_in_eval


def peak_activation_bytes(graph: Graph) -> int:
    """The most bytes of values alive at once in inference, for one example in float32."""
    return peak_activations(graph).bytes
