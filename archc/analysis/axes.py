"""The spatial axes of a network's input: what the spec allows, what the network takes, and why not more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archc.analysis.replay import SizeFault
from archc.analysis.size_set import ValidSizes
from archc.analysis.sizes import nearest_refused, repaired, written
from archc.analysis.valid_sizes import valid_sizes
from archc.ir.graph import Axis, Graph


@dataclass(frozen=True, slots=True)
class Mode:
    """The sizes that work along an axis, the others at their defaults; and why the one nearest to the default does not."""

    valid: ValidSizes | None
    """None where it is not decided."""
    refused: SizeFault | None
    size: int | None
    """The size that is refused."""

    def __str__(self) -> str:
        return "not decided" if self.valid is None else str(self.valid)

    @property
    def reason(self) -> str:
        """Why the refused size is."""
        if self.refused is None:
            return ""
        shapes = self.refused.violation.notes if len(self.refused.node.inputs) > 1 else ()
        return "; ".join((f"at {self.size}, {self.refused.reason}", *shapes))

    def data(self) -> dict[str, Any] | None:
        """As plain data with stable names."""
        if self.valid is None:
            return None
        fault = self.refused
        refused = fault and {"size": self.size, "path": fault.node.path, "message": fault.message}
        return {"text": str(self.valid), **self.valid.data(), "refused": refused}


@dataclass(frozen=True, slots=True)
class AxisRow:
    """A spatial axis of the input in inference and in training, where training-only heads run too."""

    axis: Axis
    inference: Mode
    training: Mode

    @property
    def freed(self) -> str:
        """How the spec would free the axis, where only sizes in steps work in training too."""
        if self.axis.free or self.training.valid is None:
            return ""
        free = repaired(Axis(self.axis.name, self.axis.default, free=True), self.training.valid)
        return written(free) if free.multiple_of > 1 else ""

    def data(self) -> dict[str, Any]:
        """As plain data with stable names."""
        return {"inference": self.inference.data(), "training": self.training.data()}


def axis_rows(graph: Graph) -> tuple[AxisRow, ...]:
    """A row for each spatial axis."""
    same = len(graph.inference_nodes) == len(graph.nodes)
    rows = []
    for index, axis in enumerate(graph.input.axes):
        inference = _mode(graph, index, training=False)
        rows.append(AxisRow(axis, inference, inference if same else _mode(graph, index, training=True)))
    return tuple(rows)


def _mode(graph: Graph, index: int, training: bool) -> Mode:
    valid = valid_sizes(graph, index, training)
    refused = nearest_refused(graph, index, valid, training) if valid is not None else None
    return Mode(valid, refused, None if refused is None else refused.sizes[index])
