"""The batches of an epoch: none may be empty, nor hold one example where a normalisation needs two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from archc.diagnostics import Span
from archc.ir import ops
from archc.ir.graph import Node
from archc.ir.types import TensorType
from archc.lower.ends.data import Data
from archc.lower.ends.view import Spot, View
from archc.lower.train import Train

Types = Sequence[TensorType | None]
TRIES: Final = 64


def check_batch(train: Train, data: Data, types: Types, view: View) -> None:
    """Report an epoch without a batch, and a batch of one example that torch refuses to normalise."""
    given, drop = train.fields["batch_size"], train.fields["drop_last"]
    size, drops = given.value, drop.value
    if not isinstance(size, int) or not isinstance(drops, bool) or given.span is None:
        return
    if drops and data.examples is not None and data.examples < size:
        view.report(
            "A0614",
            "an epoch has no whole batch, and `drop_last` leaves the rest out",
            Spot(given.span, f"takes {size:,} examples"),
            Spot(data.at("examples"), f"{data.examples:,} to train on"),
            help=f"use a `batch_size` of {data.examples} or less, or `drop_last: false`",
        )
        return
    rest = None if data.examples is None else data.examples % size
    if size == 1 or (rest == 1 and not drops):
        guilty = [node for node in view.nodes if needs_two(node, types)]
        if guilty:
            _report_single(size, data, given.span, guilty, view)


def needs_two(node: Node, types: Types) -> bool:
    """Whether torch refuses to train the node on a batch of one: it would normalise a single value."""
    type_ = types[node.inputs[0]]
    if type_ is None or set(type_.spatial) - {1}:
        return False
    if isinstance(node.op, ops.GroupNorm):
        return type_.channels == node.op.num_groups
    return isinstance(node.op, ops.BatchNorm)


def _report_single(size: int, data: Data, span: Span, guilty: list[Node], view: View) -> None:
    first = guilty[0]
    stage = Spot(view.span_of(first.output), "normalises one value for each channel, of one example")
    notes = (f"and so do {len(guilty) - 1} more",) if len(guilty) > 1 else ()
    if size == 1:
        view.report(
            "A0612",
            f"torch does not train `{first.path}` on a batch of one example",
            Spot(span, "one example for each step"),
            stage,
            help="use a `batch_size` of 2 or more, or `layer_norm`",
            notes=notes,
            path=first.path,
        )
        return
    assert data.examples is not None
    other = next((near for near in _near(size) if data.examples % near != 1), None)
    view.report(
        "A0612",
        f"the last batch of an epoch has one example, on which torch does not train `{first.path}`",
        Spot(span, f"{data.examples:,} examples are {_count(data.examples // size)} of {size:,} and one more"),
        stage,
        Spot(data.at("examples"), f"{data.examples:,} to train on"),
        help="write `drop_last: true`" + (f", or `batch_size: {other}`" if other else ""),
        notes=notes,
        path=first.path,
    )


def _count(batches: int) -> str:
    return "1 batch" if batches == 1 else f"{batches:,} batches"


def _near(size: int) -> list[int]:
    """Sizes near to `size`, the nearest first."""
    return [near for step in range(1, TRIES) for near in (size - step, size + step) if near > 1]
