"""A network in rows: what `archc show` prints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from archc.analysis.axes import AxisRow, axis_rows
from archc.analysis.cost import costs, peak_activation_bytes
from archc.ir.graph import Graph, Node, Scope


@dataclass(frozen=True, slots=True)
class Row:
    """A module: its shape without the batch, and what it costs with all below it."""

    path: str
    type: str
    output_shape: tuple[int, ...]
    parameters: int
    macs: int


@dataclass(frozen=True, slots=True)
class OutputRow:
    """A result of the network."""

    name: str
    shape: tuple[int, ...]
    training_only: bool


@dataclass(frozen=True, slots=True)
class Summary:
    """A network in rows, with totals. Parameters count training-only heads, MACs leave them out."""

    name: str
    input: tuple[int, ...]
    parameters: int
    macs: int
    weight_bytes: int
    activation_bytes: int
    rows: tuple[Row, ...]
    outputs: tuple[OutputRow, ...]
    axes: tuple[AxisRow, ...]

    def data(self) -> dict[str, Any]:
        """As plain data with stable names."""
        return {
            "name": self.name,
            "input": list(self.input),
            "parameters": self.parameters,
            "macs": self.macs,
            "weight_bytes": self.weight_bytes,
            "activation_bytes": self.activation_bytes,
            "rows": [
                {
                    "path": row.path,
                    "type": row.type,
                    "output_shape": list(row.output_shape),
                    "parameters": row.parameters,
                    "macs": row.macs,
                }
                for row in self.rows
            ],
            "valid_sizes": {row.axis.name: row.data() for row in self.axes},
            "outputs": [
                {"name": out.name, "shape": list(out.shape), "training_only": out.training_only} for out in self.outputs
            ],
        }


def summary(graph: Graph, depth: int = 1) -> Summary:
    """The rows of `graph` down to `depth` levels of modules (0: all)."""
    found = costs(graph)
    rows = []
    for item in _walk(graph, "", depth or 1_000_000):
        cost = found[item.path]
        rows.append(Row(item.path, _type(graph, item), graph.types[item.output].shape, cost.parameters, cost.macs))
    outputs = tuple(OutputRow(out.name, graph.types[out.value].shape, out.training_only) for out in graph.outputs)
    total = found[""]
    return Summary(
        graph.name,
        graph.types[0].shape,
        total.parameters,
        total.macs,
        total.bytes,
        peak_activation_bytes(graph),
        tuple(rows),
        outputs,
        axis_rows(graph),
    )


def _walk(graph: Graph, path: str, depth: int) -> Iterator[Node | Scope]:
    for item in graph.children(path):
        yield item
        if isinstance(item, Scope) and depth > 1:
            yield from _walk(graph, item.path, depth - 1)


def _type(graph: Graph, item: Node | Scope) -> str:
    if isinstance(item, Node) or item.kind == "block":
        return item.type
    if item.kind == "repeat":
        return f"{item.type or 'group'} × {len(graph.children(item.path))}"
    return "group"
