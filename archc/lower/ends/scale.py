"""What the last stages make of the output's scale: logits, probabilities or their logarithms, against what the loss takes."""

from __future__ import annotations

from typing import Final

from archc.ir import ops
from archc.ir.graph import Node, Output
from archc.lower.ends.data import Data
from archc.lower.ends.view import Spot, View
from archc.lower.train import Section
from archc.spec.losses import Loss

POOLS: Final = (ops.MaxPool, ops.AvgPool, ops.AdaptiveAvgPool, ops.AdaptiveMaxPool)
SQUASHING: Final = frozenset({"sigmoid", "hardsigmoid"})
"""Functions whose values lie between 0 and 1."""


def check_scale(section: Section, loss: Loss, output: Output, data: Data, view: View) -> None:
    """Report an output that is not on the scale that the loss takes."""
    node = last_function(output.value, view)
    made = scale_of(node)
    if loss.takes == "logits" and made in ("probabilities", "log-probabilities"):
        _report_squashed(section, loss, node, made, data, view)
    elif loss.takes == "log-probabilities" and made != "log-probabilities":
        _report_missing(section, output, node, "log_softmax", made, view)
    elif loss.takes == "probabilities" and made != "probabilities":
        _report_missing(section, output, node, "sigmoid", made, view)


def last_function(value: int, view: View) -> Node | None:
    """The node that last changed the elements of a value, but for pools and dropout."""
    node = view.makers.get(value)
    while node is not None and isinstance(node.op, (ops.Flatten, ops.Permute, ops.Dropout, *POOLS)):
        node = view.makers.get(node.inputs[0])
    return node


def scale_of(node: Node | None) -> str:
    """What a node's values are: `probabilities`, `log-probabilities`, or anything else, ""."""
    if node is not None and isinstance(node.op, ops.Softmax):
        return "log-probabilities" if node.op.log else "probabilities"
    if node is not None and isinstance(node.op, ops.Activation) and node.op.function in SQUASHING:
        return "probabilities"
    return ""


def _report_squashed(section: Section, loss: Loss, node: Node | None, made: str, data: Data, view: View) -> None:
    """Probabilities where logits are taken. A log_softmax before another changes nothing, and is let pass."""
    assert node is not None
    if loss.classes and made == "log-probabilities":
        return
    if node.type == "softmax" and loss.classes:
        other = ", or use `log_softmax` and `loss: nll`"
    else:
        other = ", or use `loss: bce`" if made == "probabilities" and not loss.classes else ""
    view.report(
        "A0610",
        f"`{section.type}` takes logits, the network ends with {node.type}",
        Spot(view.span_of(node.output), f"gives {made}"),
        Spot(section.span, "takes logits, and squashes them itself")
        if section.span is not None
        else Spot(data.span, f"the loss is `{section.type}`, as none is given"),
        help=f"remove the {node.type}{other}",
        path=node.path,
    )


def _report_missing(section: Section, output: Output, node: Node | None, wanted: str, made: str, view: View) -> None:
    """Anything else where probabilities, or their logarithms, are taken."""
    assert section.span is not None, "the loss that is not written takes logits"
    other = {"log_softmax": "cross_entropy", "sigmoid": "bce_with_logits"}[wanted]
    scale = {"log_softmax": "log-probabilities", "sigmoid": "probabilities"}[wanted]
    told = f"gives {made}" if made else "gives any numbers"
    help = f"end with `{{type: {wanted}}}`, or use `loss: {other}`"
    if made == "probabilities" and node is not None:
        help = f"use `{wanted}` in place of {node.type}, or remove it and use `loss: {other}`"
    view.report(
        "A0611",
        f"`{section.type}` takes {scale}, the network does not end with {wanted}",
        Spot(section.span, f"takes {scale}"),
        Spot(view.span_of(output.value if node is None else node.output), told),
        help=help,
        path=view.path_of(output.value),
    )
