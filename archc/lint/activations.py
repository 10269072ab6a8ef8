"""Warnings about what is non-linear: too much of it, in the wrong place, or none at all."""

from __future__ import annotations

from collections.abc import Iterator

from archc.ir import ops
from archc.ir.graph import Node
from archc.lint.network import Finding, Network
from archc.source import Mapping, Scalar

CLAMPS = frozenset({"hardtanh"})
"""Functions that limit a range: they may stand before and behind any other."""

COMPOSED = frozenset({("softplus", "tanh")})
"""Pairs that are one function written in two parts (mish is x tanh(softplus(x)))."""

NOT_NEGATIVE = frozenset({"relu", "relu6", "sigmoid", "hardsigmoid", "softmax"})
"""Types whose output has no negative values."""

OF_LOGITS = frozenset({"cross_entropy", "bce_with_logits"})
"""Losses that take logits."""


def is_activation(node: Node) -> bool:
    """Whether a node is a function of each element."""
    return isinstance(node.op, (ops.Activation, ops.PReLU))


def consecutive_activations(network: Network) -> Iterator[Finding]:
    """An activation of what an activation gives."""
    for first, second in network.pairs:
        pair = first.type, second.type
        if not (is_activation(first) or isinstance(first.op, ops.Softmax)) or pair in COMPOSED or CLAMPS & {*pair}:
            continue
        if is_activation(second) or (isinstance(second.op, ops.Softmax) and first.type in NOT_NEGATIVE):
            yield network.finding(
                "A0904",
                "two activations in a row",
                second,
                label=f"acts on what {first.type} gives",
                other=(first, "the first"),
                help="remove one of the two, or put a layer between them",
            )


def activation_on_logits(network: Network) -> Iterator[Finding]:
    """An output that leaves the network through an activation that cuts logits off, dropout, or what the loss does itself."""
    if _loss(network) not in OF_LOGITS:
        return
    for output in network.graph.outputs:
        last = network.makers.get(output.value)
        if last is None or output.value in network.takers:
            continue
        if isinstance(last.op, ops.Softmax) and last.op.log and _is_trained_by(network, "cross_entropy"):
            yield network.finding(
                "A0906",
                f"{last.type} acts on the network's output",
                last,
                label="cross_entropy takes the logarithm of a soft-max itself, and a second one changes nothing",
                help=f"remove it, or keep `{output.name}` as it is and use `loss: nll`",
            )
            continue
        head = network.makers.get(last.inputs[0])
        if head is None or not isinstance(head.op, ops.Linear) or len(network.takers[head.output]) > 1:
            continue
        if _bends(last):
            yield _on_logits(network, head, last, f"`{output.name}` is what {last.type} leaves of a linear layer")
        elif isinstance(last.op, ops.Dropout):
            yield _on_logits(network, head, last, f"training zeroes elements of `{output.name}` at random")


def _on_logits(network: Network, head: Node, last: Node, label: str) -> Finding:
    return network.finding(
        "A0906",
        f"{last.type} acts on the network's output",
        last,
        label=label,
        other=(head, "the last layer with weights"),
        help="remove it: logits and regressions take every value",
    )


def _bends(node: Node) -> bool:
    """Whether an activation is one for hidden layers; sigmoid, tanh and softplus make outputs of a range."""
    ranges = ("sigmoid", "hardsigmoid", "tanh", "hardtanh", "softplus", "softsign")
    return is_activation(node) and node.type not in ranges


def _is_trained_by(network: Network, loss: str) -> bool:
    """Whether the spec says how to train it, and by this loss."""
    return network.spec.train is not None and _loss(network) == loss


def _loss(network: Network) -> str:
    """The loss that `train` names; cross-entropy where it names none."""
    loss = network.spec.train.get("loss") if network.spec.train is not None else None
    name = loss.get("type") if isinstance(loss, Mapping) else loss
    return str(name.value) if isinstance(name, Scalar) else "cross_entropy"


def consecutive_linears(network: Network) -> Iterator[Finding]:
    """Two linear layers that are one, and no narrower one: nothing non-linear is between them."""
    for first in network.graph.nodes:
        if not isinstance(first.op, ops.Linear):
            continue
        second = network.follower(first)
        while second is not None and isinstance(second.op, ops.Dropout):
            second = network.follower(second)
        if second is None or not isinstance(second.op, ops.Linear):
            continue
        width, ends = first.op.out_features, (first.op.in_features or 0, second.op.out_features)
        if width >= min(ends):
            yield network.finding(
                "A0915",
                "two linear layers with nothing between them are one",
                second,
                label=f"{ends[0]} -> {width} -> {ends[1]} can say no more than {ends[0]} -> {ends[1]}",
                other=(first, "the first"),
                help="put an activation between them, or remove one of the two",
            )
