"""Checks a network against the profile of a device: what the device cannot run, at the place that asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from archc.backends.onnx import Inexpressible
from archc.diagnostics import Diagnostic, Label, Report, Stop
from archc.diagnostics.model import in_order
from archc.ir.graph import Graph
from archc.lint.network import Network
from archc.lower.budget import in_unit, measure
from archc.profile.fit import Fit
from archc.profile.operators import attributes, operators, widths
from archc.profile.read import Profile
from archc.profile.values import values
from archc.spec.profile import BYTES


def check(network: Network, profile: Profile) -> list[Diagnostic]:
    """What keeps a correct network from the device, in the order of the text."""
    report, fit = Report(), Fit(network, profile)
    said: dict[object, dict[str, str]] = {}
    try:
        for one in (one for find in FINDERS for one in find(fit)):
            report.add(one)
            said.setdefault((one.code, one.span.position), {}).setdefault(one.message, one.label)
    except Inexpressible as error:
        node = network.graph.node_at[error.path]
        message = f"ONNX cannot say `{error.path}`"
        report.add(network.finding("A0711", message, node, label=error.reason).diagnostic)
    except Stop:
        pass
    return [_with_others(one, said.get((one.code, one.span.position), {})) for one in in_order(report)]


def _with_others(found: Diagnostic, said: Mapping[str, str]) -> Diagnostic:
    """A finding with what else was found at its place, where one of a code is shown."""
    others = (f"{message}: {label}" for message, label in said.items() if message != found.message)
    return replace(found, notes=(*found.notes, *others))


def _free_sizes(fit: Fit) -> Iterator[Diagnostic]:
    spec, span = fit.network.spec.input, fit.profile.fixed_sizes
    for axis in spec.axes if spec is not None and span is not None else ():
        size = next((one.default for one in fit.graph.input.axes if one.name == axis.name and one.free), None)
        if size is not None and span is not None:
            label, more = f"`{axis.name}` is free", (Label(span, "it takes one size only"),)
            message, help = f"`{fit.profile.name}` takes no free sizes", f"write `{axis.name}: {size}`"
            yield Diagnostic("A0712", message, axis.span, label, more, help=help)


def _budget(fit: Fit) -> Iterator[Diagnostic]:
    """Costs beyond the device, at the default sizes as those of a spec's own budget."""
    profile = fit.profile
    for name, bound in profile.budget.items():
        actual, parts, _ = measure(name, fit.graph, 1)
        if name in ("file_size", "activation_memory"):
            factor = BYTES[profile.precision] / 4
            actual, parts = int(actual * factor), {path: int(size * factor) for path, size in parts.items()}
        if actual > bound.value:
            path = max((one for one in parts if one), key=lambda one: parts[one], default="")
            whole, limit = in_unit(actual, name, short=True), f"its bound, {in_unit(bound.value, name, short=True)}"
            message = f"the network exceeds what `{profile.name}` has of {name}"
            if not path:
                label, help = f"it has {whole}", "use a smaller input"
                yield fit.at_input("A0713", message, label=label, help=help, limit=(bound.span, limit))
                continue
            span = _item(fit.graph, path).span
            label, help = (
                f"`{path}` has the most, {in_unit(parts[path], name, short=True)} of {whole}",
                "narrow or drop stages",
            )
            yield Diagnostic("A0713", message, span, label, (Label(bound.span, limit),), help=help, path=path)


def _item(graph: Graph, path: str) -> Any:
    return graph.node_at.get(path) or graph.scope_at.get(path) or graph.nodes[0]


FINDERS: Final = (_free_sizes, operators, attributes, widths, values, _budget)
"""Each gives the findings of its kind."""
