"""A network as an exported PyTorch program (`.pt2`): free batch, free sizes where the spec frees them."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from archc.backends.torch import to_torch
from archc.ir.graph import Axis, Graph


class ExportError(Exception):
    """PyTorch's exporter refuses the network."""


def export_program(graph: Graph, state: Mapping[str, np.ndarray[Any, Any]]) -> bytes:
    """The bytes of `torch.export.save` for the network in eval mode; several outputs are a tuple. Raises ExportError."""
    net = to_torch(graph, state).eval()
    if len(graph.live_outputs) > 1:
        _return_plain_tuple(net)
    sizes = [_example(axis) for axis in graph.input.axes]
    example = torch.zeros(2, graph.input.channels, *sizes)
    dims: dict[int, Any] = {0: torch.export.Dim("N", min=1)}
    for index, axis in enumerate(graph.input.axes, start=2):
        if axis.free:
            dims[index] = _dim(axis)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside torch itself, which no spec can mend
        try:
            program = torch.export.export(net, (example,), dynamic_shapes=(dims,), strict=False)
        except (RuntimeError, ValueError) as error:  # what torch.export raises, its own classes included
            raise ExportError(str(error).strip().partition("\n")[0].partition("! For more")[0]) from None
        program._example_inputs = None  # zeros, which the file need not carry
        torch.export.save(program, buffer)
    return buffer.getvalue()


def _return_plain_tuple(net: torch.nn.Module) -> None:
    """A saved program cannot name the class of a named tuple, which only the generated source defines."""
    kind = type(net)

    def forward(self: torch.nn.Module, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(kind.forward(self, x))

    net.__class__ = type(kind.__name__, (kind,), {"forward": forward})


def _example(axis: Axis) -> int:
    """A size to trace at: the default, or the next one up where tracing would take 0 or 1 for a constant."""
    return axis.default if not axis.free or axis.default > axis.multiple_of else axis.default + axis.multiple_of


def _dim(axis: Axis) -> Any:
    low = -(-axis.min // axis.multiple_of)
    high = axis.max // axis.multiple_of if axis.max is not None else None
    steps = torch.export.Dim(
        f"{axis.name}_{axis.multiple_of}" if axis.multiple_of > 1 else axis.name, min=max(low, 2), max=high
    )
    return axis.multiple_of * steps if axis.multiple_of > 1 else steps
