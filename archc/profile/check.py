"""Checks a network against the profile of a device: what the device cannot run, at the place that asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from archc.backends.initialise import Drawn
from archc.backends.onnx import Form, Inexpressible, build
from archc.diagnostics import Diagnostic, Label, Report, Stop
from archc.diagnostics.model import in_order
from archc.ir import ops
from archc.ir.graph import Graph, Node
from archc.ir.passes import inference, run_passes
from archc.ir.types import TensorType
from archc.lint.network import Network
from archc.lower.budget import in_unit, measure
from archc.profile.read import Profile
from archc.spec.profile import BYTES

FIELD_LIMITS: Final = {
    "max_kernel_size": "kernel_size",
    "max_stride": "stride",
    "max_dilation": "dilation",
    "max_groups": "groups",
}
"""The limits on what stages say, and the field of each."""


def check(network: Network, profile: Profile) -> list[Diagnostic]:
    """What keeps a correct network from the device, in the order of the text."""
    report = Report()
    try:
        for found in (_free_sizes, _operators, _fields, _values, _budget):
            report.extend(found(network, profile))
    except Stop:
        pass
    return in_order(report)


def _free_sizes(network: Network, profile: Profile) -> Iterator[Diagnostic]:
    spec, span = network.spec.input, profile.fixed_sizes
    for axis in spec.axes if spec is not None and span is not None else ():
        size = next((one.default for one in network.graph.input.axes if one.name == axis.name and one.free), None)
        if size is not None and span is not None:
            label, more = f"`{axis.name}` is free", (Label(span, "it takes one size only"),)
            message, help = f"`{profile.name}` takes no free sizes", f"write `{axis.name}: {size}`"
            yield Diagnostic("A0712", message, axis.span, label, more, help=help)


def _operators(network: Network, profile: Profile) -> Iterator[Diagnostic]:
    """Stages that become an operator that the device lacks."""
    graph = network.graph
    if profile.ops_span is None:
        return
    try:
        proto = build(graph, Drawn(graph, 0), Form(profile.opset, profile.fold)).proto
    except Inexpressible as error:
        node = graph.node_at[error.path]
        yield _at(network, node, "A0711", f"ONNX cannot say `{error.path}`", label=error.reason)
        return
    missing: dict[str, list[str]] = {}
    for made in proto.graph.node:
        if made.op_type not in profile.ops and made.op_type not in missing.setdefault(made.name.partition("/")[0], []):
            missing[made.name.partition("/")[0]].append(made.op_type)
    for path, kinds in missing.items():
        if not kinds or path not in graph.node_at:
            continue
        node, words = graph.node_at[path], " and ".join(kinds)
        label = f"`{node.type}` is {words} in ONNX's opset {profile.opset}"
        help = "use another type, or name the operator in `ops` if the device has it"
        found = _at(network, node, "A0711", f"`{profile.name}` does not run {words}", label=label, help=help)
        yield _with(found, Label(profile.ops_span, "the operators that it runs"))


def _fields(network: Network, profile: Profile) -> Iterator[Diagnostic]:
    """Kernels, strides, dilations, groups and widths that the device does not take."""
    for node in run_passes(network.graph, [inference]).nodes:
        for name, field in FIELD_LIMITS.items():
            limit, value = profile.limits.get(name), getattr(node.op, field, None)
            if limit is None or value is None:
                continue
            most = max(value) if isinstance(value, tuple) else value
            if most > limit.value:
                label, message = f"{field} is {most}", f"`{profile.name}` takes no {field} above {limit.value:.0f}"
                found = _at(network, node, "A0712", message, field, label, f"use {limit.value:.0f} or less")
                yield _with(found, Label(limit.span, "its limit"))
        yield from _width(network, profile, node)


def _width(network: Network, profile: Profile, node: Node) -> Iterator[Diagnostic]:
    limit, op = profile.limits.get("channels_multiple_of"), node.op
    if limit is None or not isinstance(op, ops.Conv | ops.ConvTranspose | ops.Linear):
        return
    field = "out_features" if isinstance(op, ops.Linear) else "out_channels"
    width, step = int(getattr(op, field)), int(limit.value)
    if width % step:
        near = " or ".join(str(size) for size in (width // step * step, -(-width // step) * step) if size)
        message = f"`{profile.name}` takes {field} that {step} divides"
        yield _with(
            _at(network, node, "A0712", message, field, f"{field} is {width}", f"use {near}"),
            Label(limit.span, "its step"),
        )


def _values(network: Network, profile: Profile) -> Iterator[Diagnostic]:
    """Values with more axes, channels or rows than the device takes; the input's are the first to blame."""
    graph, spec = run_passes(network.graph, [inference]), network.spec.input
    for message, limit_span in _too_large(graph.types[0], profile):
        if spec is not None:
            label, help = f"the input is {graph.types[0]}", "use a smaller input"
            yield Diagnostic("A0712", message, spec.span, label, (Label(limit_span, "its limit"),), help=help)
    for node in graph.nodes:
        known = {message for value in node.inputs for message, _ in _too_large(graph.types[value], profile)}
        for message, limit_span in _too_large(graph.types[node.output], profile):
            if message not in known:
                label = f"what it gives is {graph.types[node.output]}"
                found = _at(network, node, "A0712", message, label=label, help="narrow the stage, or use another")
                yield _with(found, Label(limit_span, "its limit"))


def _too_large(type_: TensorType, profile: Profile) -> Iterator[tuple[str, Any]]:
    sizes = {
        "max_rank": (type_.rank + 2, "axes"),
        "max_channels": (type_.channels or 0, "channels"),
        "max_size": (max((size or 0 for size in type_.spatial), default=0), "rows along an axis"),
    }
    for name, (size, words) in sizes.items():
        limit = profile.limits.get(name)
        if limit is not None and size > limit.value:
            yield f"`{profile.name}` takes no values of more than {limit.value:.0f} {words}", limit.span


def _budget(network: Network, profile: Profile) -> Iterator[Diagnostic]:
    graph = run_passes(network.graph, [inference])
    for name, bound in profile.budget.items():
        actual, parts, _ = measure(name, graph, 1)
        if name in ("file_size", "activation_memory"):
            factor = BYTES[profile.precision] / 4
            actual, parts = int(actual * factor), {path: int(size * factor) for path, size in parts.items()}
        if actual > bound.value:
            path = max((one for one in parts if one), key=lambda one: parts[one], default="")
            item = _item(graph, path)
            label = f"`{path}` has the most, {in_unit(parts[path], name, short=True)} of {in_unit(actual, name, short=True)}"
            message = f"the network exceeds what `{profile.name}` has of {name}"
            more = (Label(bound.span, f"its bound, {in_unit(bound.value, name, short=True)}"),)
            help = "narrow or drop stages"
            yield Diagnostic("A0713", message, item.span, label, more, help=help, path=path)


def _item(graph: Graph, path: str) -> Any:
    return graph.node_at.get(path) or graph.scope_at.get(path) or graph.nodes[0]


def _at(
    network: Network, node: Node, code: str, message: str, field: str = "", label: str = "", help: str = ""
) -> Diagnostic:
    return network.finding(code, message, node, field=field, label=label, help=help).diagnostic


def _with(found: Diagnostic, label: Label) -> Diagnostic:
    return replace(found, labels=(*found.labels, label))
