"""Warnings about ops that do nothing, or that give the same whatever arrives."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from archc.ir import ops
from archc.ir.graph import Node
from archc.ir.ops import Op
from archc.ir.types import TensorType
from archc.lint.network import Finding, Network


def no_effect(network: Network) -> Iterator[Finding]:
    """An op whose numbers, written out, make it do nothing."""
    for node in network.graph.nodes:
        field, why = idle(node.op)
        if field and all(network.is_literal(node, one) for one in (field, "stride")):
            yield network.finding(
                "A0911",
                f"{node.type} has no effect",
                node,
                field=field,
                label=why,
                help="remove it, or change the number",
            )


def idle(op: Op) -> tuple[str, str]:
    """The field by which an op does nothing, and why; two empty texts where it does something."""
    if isinstance(op, (ops.Dropout, ops.StochasticDepth)) and op.p == 0:
        return "p", "drops nothing"
    if isinstance(op, ops.Upsample) and set(op.scale_factor) == {1}:
        return "scale_factor", "keeps the size"
    if isinstance(op, ops.Pad) and not any((*op.before, *op.after)):
        return "padding", "adds no rows"
    if isinstance(op, ops.Chunk) and op.chunks == 1:
        return "chunks", "one chunk is the whole"
    if isinstance(op, ops.ChannelShuffle) and op.groups == 1:
        return "groups", "one group is not shuffled"
    if isinstance(op, ops.PixelShuffle) and op.upscale_factor == 1:
        return "upscale_factor", "moves no channels"
    if isinstance(op, (ops.MaxPool, ops.AvgPool)) and {*op.kernel_size, *op.stride} == {1} and not any(op.padding):
        return "kernel_size", "a window of one element"
    return "", ""


def constant_output(network: Network) -> Iterator[Finding]:
    """An op whose output does not depend on its input."""
    for node in network.graph.nodes:
        field, label = constant(node, network.type_in(node))
        if label:
            yield network.finding(
                "A0912",
                f"the output of {node.type} does not depend on its input",
                node,
                field=field,
                label=label,
                help=_HELP.get(node.type, "give it more channels or rows, or remove it"),
            )


def constant(node: Node, x: TensorType) -> tuple[str, str]:
    """The field by which a node's output is constant ("" for none), and why; two empty texts where it is not."""
    op = node.op
    if isinstance(op, ops.Softmax) and x.channels == 1:
        return "", f"one channel: {'0' if op.log else '1'} everywhere"
    if isinstance(op, ops.LayerNorm) and x.channels == 1:
        return "", "one channel: its mean is itself"
    if isinstance(op, ops.GroupNorm) and op.num_groups == x.channels and prod(size or 2 for size in x.spatial) == 1:
        return "num_groups", "one element in each group: its mean is itself"
    if isinstance(op, (ops.Dropout, ops.StochasticDepth)) and op.p == 1:
        return "p", "training drops everything"
    return "", ""


_HELP = {
    "softmax": "use `sigmoid` for one channel, or give the layer before it a channel for each class",
    "log_softmax": "give the layer before it a channel for each class",
    "dropout": "use a probability below 1",
    "stochastic_depth": "use a probability below 1",
}
