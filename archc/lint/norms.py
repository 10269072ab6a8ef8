"""Warnings about normalisations: what stands directly before one and is undone, or disturbs it."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from archc.ir import ops
from archc.ir.graph import Node
from archc.lint.network import Finding, Network

NORMS = (ops.BatchNorm, ops.LayerNorm, ops.GroupNorm, ops.RMSNorm)


def bias_before_norm(network: Network) -> Iterator[Finding]:
    """A bias that nobody asked for, before a normalisation that takes each channel's mean away."""
    for node, norm in network.pairs:
        biased = isinstance(node.op, (ops.Conv, ops.ConvTranspose, ops.Linear)) and node.op.bias
        if biased and removes_means(norm, network) and not network.site(node).is_given("bias"):
            yield network.finding(
                "A0901",
                f"the bias of {node.type} has no effect before {norm.type}",
                node,
                label="has a bias by default",
                other=(norm, "takes each channel's mean away, and the bias with it"),
                help="add `bias: false`, or `bias: true` where it is meant, as for published weights",
            )


def removes_means(norm: Node, network: Network) -> bool:
    """Whether a normalisation takes the mean of each channel away: batch norm, and group norm with a group for each."""
    x = network.type_in(norm)
    if isinstance(norm.op, ops.GroupNorm):
        return norm.op.num_groups == x.channels and prod(x.spatial) > 1  # type: ignore[arg-type]
    return isinstance(norm.op, ops.BatchNorm)


def consecutive_norms(network: Network) -> Iterator[Finding]:
    """A normalisation of what was just normalised."""
    for first, second in network.pairs:
        if isinstance(first.op, NORMS) and isinstance(second.op, NORMS):
            yield network.finding(
                "A0903",
                "two normalisations in a row",
                second,
                label=f"normalises what {first.type} has just normalised",
                other=(first, "the first"),
                help="remove one of the two",
            )


def dropout_before_batch_norm(network: Network) -> Iterator[Finding]:
    """Dropout whose noise enters the running variance, and is not there in inference."""
    for node, norm in network.pairs:
        if isinstance(node.op, ops.Dropout) and 0 < node.op.p < 1 and isinstance(norm.op, ops.BatchNorm):
            yield network.finding(
                "A0905",
                "dropout directly before batch_norm",
                node,
                label="widens the variance in training only",
                other=(norm, "keeps that variance for inference"),
                help="put the dropout behind the normalisation, or remove it",
            )
