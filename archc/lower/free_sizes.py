"""Free sizes of the input: every size that the spec allows must work."""

from __future__ import annotations

from archc.analysis.replay import SizeFault
from archc.analysis.sizes import MAX_TRIED, Refusal, refused_sizes, repaired, written
from archc.diagnostics import Label, Span
from archc.ir.graph import Graph
from archc.lower.env import Env, Evaluator


def check_free_sizes(spans: dict[str, Span], graph: Graph, env: Env, evaluator: Evaluator) -> None:
    """Report the axes (`spans` says where they stand) that allow sizes at which the network does not work."""
    for refusal in refused_sizes(graph):
        if refusal.fault is None:
            _undecided(refusal, spans, graph, env, evaluator)
        else:
            _refused(refusal, refusal.fault, spans, graph, env, evaluator)


def _refused(
    refusal: Refusal, fault: SizeFault, spans: dict[str, Span], graph: Graph, env: Env, evaluator: Evaluator
) -> None:
    sizes = {axis.name: fault.sizes[graph.input.axes.index(axis)] for axis in refusal.axes}
    shown = " and ".join(f"{name} {size}" for name, size in sizes.items())
    training = "" if fault.node.path in graph.inference_nodes else " in training"
    axis = refusal.axes[-1]
    notes = [f"at {fault.reason}", *fault.violation.notes]
    if refusal.valid is not None:
        notes.append(f"valid{training}: {refusal.valid}")
    spot = _outside_blocks(fault, graph)
    evaluator.fault(
        "A0312",
        f"{shown} {'is' if len(sizes) == 1 else 'are'} allowed, but the network does not take {'it' if len(sizes) == 1 else 'both'}{training}",
        spans[axis.name],
        env,
        label=f"allows {sizes[axis.name]}",
        labels=(
            *(Label(spans[one.name], f"allows {sizes[one.name]}") for one in refusal.axes[:-1]),
            *((Label(spot, "refuses it"),) if spot is not None else ()),
        ),
        notes=tuple(notes),
        help=_advice(refusal, fault),
    )


def _advice(refusal: Refusal, fault: SizeFault) -> str:
    """The axis as it would be right, where it is known; and what makes every size fit a layer behind a flatten."""
    pool = fault.violation.help if fault.violation.code == "A0312" else ""
    if refusal.valid is None:
        return pool or "free one axis less, or allow fewer sizes"
    right = f"write `{written(repaired(refusal.axes[0], refusal.valid))}`"
    return f"{right}, or {pool}" if pool else right


def _outside_blocks(fault: SizeFault, graph: Graph) -> Span | None:
    """The stage that refuses, or the use of the block that ships and holds it."""
    path = fault.node.path
    span: Span | None = fault.node.span
    while span is not None and span.file.shipped:
        path = path.rpartition(".")[0]
        span = graph.scope_at[path].span if path in graph.scope_at else None
    return span


def _undecided(refusal: Refusal, spans: dict[str, Span], graph: Graph, env: Env, evaluator: Evaluator) -> None:
    axis = refusal.axes[-1]
    names = " and ".join(one.name for one in refusal.axes)
    fixed = f"`{axis.name}: {axis.default}`"
    evaluator.fault(
        "A0313",
        f"which sizes of {names} work{' together' if len(refusal.axes) > 1 else ''} is not decided",
        spans[axis.name],
        env,
        label="free",
        labels=tuple(Label(spans[one.name], "free") for one in refusal.axes[:-1]),
        notes=("no proof covers this network, and the sizes allowed are too many to try each",),
        help=f"fix the size, {fixed}, or give a `max` that leaves no more than {MAX_TRIED // len(graph.nodes):,} to try",
    )
