"""A network and a device: what the checks of the one against the other share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from archc.analysis.replay import types_at
from archc.analysis.size_set import LIMIT
from archc.backends.onnx import Emitted, Form, emitted
from archc.diagnostics import Diagnostic, Label, Span
from archc.ir.graph import Axis, Graph, Node
from archc.ir.passes import inference, run_passes
from archc.ir.types import TensorType
from archc.lint.network import Network
from archc.profile.read import Profile

SIZES: Final = ("max_rank", "max_channels", "max_size")
"""The limits on values."""


@dataclass(frozen=True, eq=False)
class Fit:
    """A network without errors, and the profile that it is checked against."""

    network: Network
    profile: Profile

    @cached_property
    def graph(self) -> Graph:
        """The network as it acts in inference."""
        return run_passes(self.network.graph, [inference])

    @cached_property
    def is_endless(self) -> bool:
        """Whether the input may be as large as one likes."""
        return any(axis.max is None for axis in self.free)

    @cached_property
    def free(self) -> tuple[Axis, ...]:
        """The axes whose sizes are free; none where the device takes one size, which is the default until it is fixed."""
        return tuple(axis for axis in self.graph.input.axes if axis.free and self.profile.fixed_sizes is None)

    @cached_property
    def largest_input(self) -> tuple[int, ...]:
        """The largest sizes that the spec allows."""
        axes = self.graph.input.axes
        return tuple(
            (axis.max or LIMIT) // axis.multiple_of * axis.multiple_of if axis in self.free else axis.default
            for axis in axes
        )

    @cached_property
    def largest(self) -> tuple[TensorType, ...]:
        """The type of each value there, where it is largest: no op gives less for more."""
        types, fault = types_at(self.graph, self.largest_input, training=False)
        return tuple(types) if fault is None else self.graph.types

    @cached_property
    def shown(self) -> tuple[TensorType, ...]:
        """The type of each value at the sizes that findings tell of: the largest, or if there are none the default ones."""
        return self.graph.types if self.is_endless else self.largest

    @cached_property
    def made(self) -> list[Emitted]:
        """The nodes of the ONNX file for the device. Raises Inexpressible."""
        profile = self.profile
        form = Form(profile.opset, profile.fold, half=profile.precision == "float16")
        types = self.shown if any(name in profile.limits for name in SIZES) else None
        return emitted(self.network.graph, form, types)

    def at(
        self, node: Node, code: str, message: str, field: str = "", *, label: str, help: str, limit: tuple[Span, str]
    ) -> Diagnostic:
        """A finding at a node, or at the field of it that is to blame, and where the profile says so."""
        found = self.network.finding(code, message, node, field=field, label=label, help=help).diagnostic
        return replace(found, labels=(*found.labels, Label(*limit)))

    def at_input(self, code: str, message: str, *, label: str, help: str, limit: tuple[Span, str]) -> Diagnostic:
        """A finding at the input."""
        spec = self.network.spec
        span = spec.input.span if spec.input is not None else Span(spec.file, 1, 1, 1, 1)
        return Diagnostic(code, message, span, label, (Label(*limit),), help=help)

    def becomes(self, node: Node, what: str) -> str:
        """What a stage becomes in ONNX, with what it does to sizes: `adaptive_avg_pool` from 64 × 64 to 2 × 2."""
        before, after = self.shown[self.graph.node_at[node.path].inputs[0]], self.shown[node.output]
        sizes, given = (times(type_.spatial) or str(type_) for type_ in (before, after))
        change = f"on {sizes}" if before.spatial == after.spatial else f"from {sizes} to {given}"
        return f"`{node.type}` {change} becomes {what}"


def times(sizes: tuple[int | None, ...]) -> str:
    """Sizes as one reads them: `64 × 32`."""
    return " × ".join("?" if size is None else str(size) for size in sizes)
