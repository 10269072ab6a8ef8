"""Values that the device does not take, at the largest sizes that the spec allows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from archc.analysis.sizes import written
from archc.backends.onnx import Emitted
from archc.diagnostics import Diagnostic, Label
from archc.ir.graph import Axis, Node
from archc.ir.types import TensorType
from archc.profile.fit import SIZES, Fit, times
from archc.profile.read import Bound


@dataclass(frozen=True, slots=True)
class Excess:
    """A limit that a value exceeds."""

    limit: Bound
    size: int
    words: str
    """What there are too many of."""

    def message(self, fit: Fit) -> str:
        """What the device does not take."""
        return f"`{fit.profile.name}` takes no values of more than {self.limit.value:.0f} {self.words}"


def values(fit: Fit) -> Iterator[Diagnostic]:
    """Values with more axes, channels or rows than the device takes; the input's are the first to blame."""
    if not any(name in fit.profile.limits for name in SIZES):
        return
    yield from _input(fit)
    inner: dict[str, list[Emitted]] = {}
    for made in fit.made:
        if made.is_inner and made.dims is not None:
            inner.setdefault(made.path, []).append(made)
    for node in fit.graph.nodes:
        known = {one.words for value in node.inputs for one in _of_type(fit, fit.largest[value])}
        for excess in _of_type(fit, fit.largest[node.output]):
            if excess.words not in known:
                known.add(excess.words)
                label, help = _given(fit, node, excess), "narrow the stage, or use another"
                yield _at(fit, node, excess, label, help)
        for made in inner.get(node.path, ()):
            for excess in _within(fit, node, made.dims or ()):
                if excess.words not in known:
                    known.add(excess.words)
                    label = fit.becomes(node, f"{made.kind} with {excess.size} {excess.words}") + _where(fit)
                    yield _at(fit, node, excess, label, "use another type, or other sizes")


def _at(fit: Fit, node: Node, excess: Excess, label: str, help: str) -> Diagnostic:
    limit = (excess.limit.span, "its limit")
    return fit.at(node, "A0712", excess.message(fit), label=label, help=help, limit=limit)


def _input(fit: Fit) -> Iterator[Diagnostic]:
    axes, spec = fit.graph.input.axes, fit.network.spec.input
    for excess in _of_type(fit, fit.largest[0]):
        message, limit = excess.message(fit), (excess.limit.span, "its limit")
        if list(_of_type(fit, fit.graph.types[0], excess.words)) or spec is None:
            label = f"the input is {fit.graph.types[0]}"
            yield fit.at_input("A0712", message, label=label, help="use a smaller input", limit=limit)
            continue
        for axis, size, said in zip(axes, fit.largest_input, spec.axes, strict=True):
            if size > excess.limit.value:
                label = f"`{axis.name}` is free " + (f"up to {axis.max}" if axis.max else "without a maximum")
                help = f"write `{_bounded(axis, int(excess.limit.value))}`, or fix it"
                yield Diagnostic("A0712", message, said.span, label, (Label(*limit),), help=help)


def _bounded(axis: Axis, most: int) -> str:
    return written(replace(axis, max=most // axis.multiple_of * axis.multiple_of))


def _given(fit: Fit, node: Node, excess: Excess) -> str:
    """What a stage gives that is too large, and at which size of the input if not at the default."""
    usual = fit.graph.types[node.output]
    if list(_of_type(fit, usual, excess.words)):
        return f"what it gives is {usual}"
    if fit.is_endless:
        return "what it gives grows with the input, which has no maximum"
    return f"what it gives is {fit.largest[node.output]}" + _where(fit)


def _where(fit: Fit) -> str:
    """The size of the input that is told of, if it is not the default."""
    sizes = fit.shown[0].spatial
    return f", where the input is {times(sizes)}" if sizes != fit.graph.types[0].spatial else ""


def _of_type(fit: Fit, type_: TensorType, words: str = "") -> Iterator[Excess]:
    """The limits that a stage's value exceeds, or the one of some words."""
    found = _excesses(fit, type_.rank + 2, type_.channels or 0, type_.spatial)
    return (one for one in found if not words or one.words == words)


def _within(fit: Fit, node: Node, dims: Sequence[int | None]) -> Iterator[Excess]:
    """The limits that a value within a stage exceeds; what only has its axes in another order has no new sizes."""
    ends = [fit.shown[value] for value in (*fit.graph.node_at[node.path].inputs, node.output)]
    sizes = tuple(size or 0 for size in dims[1:])
    if any(sorted(sizes) == sorted(type_.shape) for type_ in ends):
        return
    last = ends[0].layout == "channels_last" and len(sizes) == len(ends[0].shape)
    channels, spatial = (sizes[-1], sizes[:-1]) if last else (next(iter(sizes), 0), sizes[1:])
    yield from _excesses(fit, len(dims), channels, spatial)


def _excesses(fit: Fit, rank: int, channels: int, spatial: Sequence[int | None]) -> Iterator[Excess]:
    sizes = {
        "max_rank": (rank, "axes"),
        "max_channels": (channels, "channels"),
        "max_size": (max((size or 0 for size in spatial), default=0), "rows along an axis"),
    }
    for name in SIZES:
        limit, (size, words) = fit.profile.limits.get(name), sizes[name]
        if limit is not None and size > limit.value:
            yield Excess(limit, size, words)
