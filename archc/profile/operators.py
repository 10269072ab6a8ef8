"""The nodes of the ONNX file: operators, kernels, strides, dilations and groups that the device does not take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from archc.backends.onnx import Emitted
from archc.diagnostics import Diagnostic
from archc.ir import ops
from archc.ir.graph import Node
from archc.profile.fit import Fit, times

ATTRIBUTE_LIMITS: Final = {
    "max_kernel_size": ("kernel_size", "kernel_shape"),
    "max_stride": ("stride", "strides"),
    "max_dilation": ("dilation", "dilations"),
    "max_groups": ("groups", "group"),
}
"""The limits on what nodes say: the field in a spec, and the attribute in ONNX."""


def operators(fit: Fit) -> Iterator[Diagnostic]:
    """Operators that the device lacks, at the stages that become them."""
    profile = fit.profile
    if profile.ops_span is None:
        return
    limit = (profile.ops_span, "the operators that it runs")
    parts: dict[str, list[str]] = {}
    for made in fit.made:
        if made.path and not made.output:
            parts.setdefault(made.path, []).append(made.kind)
    precision = ", in float16" if profile.precision == "float16" else ""
    for path, kinds in parts.items():
        lacking = _words(kind for kind in kinds if kind not in profile.ops)
        if lacking:
            node = fit.graph.node_at[path]
            label = f"`{node.type}` is {_words(kinds)} in ONNX's opset {profile.opset}{precision}"
            help = "use another type, or name the operator in `ops` if the device has it"
            yield fit.at(node, "A0711", _lacks(fit, lacking), label=label, help=help, limit=limit)
    yield from _ends(fit)


def _ends(fit: Fit) -> Iterator[Diagnostic]:
    """Operators that the device lacks, and that no stage becomes: of second names, and of float32 at the ends."""
    profile = fit.profile
    assert profile.ops_span is not None
    limit = (profile.ops_span, "the operators that it runs")
    lacking = [made for made in fit.made if (made.output or not made.path) and made.kind not in profile.ops]
    if profile.precision == "float16" and lacking:
        message, label = _lacks(fit, lacking[0].kind), "in a file in float16, the input and the outputs are cast"
        help = f"name `{lacking[0].kind}` in `ops` if the device has it; without float16 there is none"
        yield fit.at_input("A0711", message, label=label, help=help, limit=limit)
        return
    for made in lacking:
        message, label = _lacks(fit, made.kind), f"output `{made.output}` becomes {made.kind} of this value"
        help = f"drop the output `{made.output}`, or name the operator in `ops` if the device has it"
        if made.path:
            yield fit.at(fit.graph.node_at[made.path], "A0711", message, label=label, help=help, limit=limit)
        else:
            yield fit.at_input("A0711", message, label=label, help=help, limit=limit)


def _lacks(fit: Fit, operator: str) -> str:
    return f"`{fit.profile.name}` does not run {operator}"


def _words(kinds: Iterable[str]) -> str:
    """Each kind once: `A, B and C`."""
    *some, last = dict.fromkeys(kinds) or ("",)
    return f"{', '.join(some)} and {last}" if some else last


def attributes(fit: Fit) -> Iterator[Diagnostic]:
    """Kernels, strides, dilations and groups that the device does not take."""
    seen = set()
    for made in fit.made if any(name in fit.profile.limits for name in ATTRIBUTE_LIMITS) else ():
        for name, (field, attribute) in ATTRIBUTE_LIMITS.items():
            limit, value = fit.profile.limits.get(name), _sizes(made.attributes.get(attribute))
            if limit is not None and max(value, default=0) > limit.value and (made.path, name) not in seen:
                seen.add((made.path, name))
                node, most = fit.graph.node_at[made.path], f"{limit.value:.0f}"
                message = f"`{fit.profile.name}` takes no {field} above {most}"
                field, label, help = _blame(fit, node, made, field, value, most)
                yield fit.at(node, "A0712", message, field, label=label, help=help, limit=(limit.span, "its limit"))


def _blame(fit: Fit, node: Node, made: Emitted, field: str, value: tuple[int, ...], most: str) -> tuple[str, str, str]:
    """The field of a stage that says a value, with a label and a help; no field where the value comes of the op's form."""
    if _sizes(getattr(node.op, field, None)) == value:
        return field, f"{field} is {max(value)}", f"use {most} or less"
    return "", fit.becomes(node, f"{made.kind} with {field} {times(value)}"), "use another type, or other sizes"


def _sizes(value: Any) -> tuple[int, ...]:
    return () if value is None else (value,) if isinstance(value, int) else tuple(value)


def widths(fit: Fit) -> Iterator[Diagnostic]:
    """Output channels that the step of the device does not divide."""
    limit = fit.profile.limits.get("channels_multiple_of")
    for node in fit.graph.nodes if limit is not None else ():
        if limit is None or not isinstance(node.op, ops.Conv | ops.ConvTranspose | ops.Linear):
            continue
        field = "out_features" if isinstance(node.op, ops.Linear) else "out_channels"
        width, step = int(getattr(node.op, field)), int(limit.value)
        if width % step:
            near = " or ".join(str(size) for size in (width // step * step, -(-width // step) * step) if size)
            message, label = f"`{fit.profile.name}` takes {field} that {step} divides", f"{field} is {width}"
            found = fit.at(
                node, "A0712", message, field, label=label, help=f"use {near}", limit=(limit.span, "its step")
            )
            yield found
