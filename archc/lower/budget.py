"""`budget:`: bounds on what the network costs, compared with what it does, and the stages that cost most."""

from __future__ import annotations

import re
from collections.abc import Mapping as Map
from dataclasses import dataclass
from typing import Final

from archc.analysis.cost import costs, peak_activations
from archc.analysis.file_size import weights_file_bytes
from archc.diagnostics import Span
from archc.ir.graph import Graph
from archc.lower.env import Env, Evaluator
from archc.source import Mapping, Tree
from archc.spec.params import Fault, Param, conform, suggestion
from archc.spec.values import Unknown, Value, is_number

COUNTS: Final = {"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
BYTES: Final = {
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
MEASURES: Final[Map[str, Map[str, int]]] = {
    "parameters": COUNTS,
    "macs": COUNTS,
    "file_size": BYTES,
    "activation_memory": BYTES,
}
"""What `budget` bounds, and the units that each bound may have."""

BATCH: Final = Param("batch", "int", 1, min=1, doc="examples for which `activation_memory` is meant")
AMOUNT: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?(?:[eE]\+?[0-9]+)?) *([A-Za-z]+)\Z")
MOST: Final = 3


@dataclass(frozen=True, slots=True)
class Bound:
    """A bound of `budget`, as it was written and as a number."""

    measure: str
    amount: float
    span: Span


@dataclass(frozen=True, slots=True)
class Budget:
    """The bounds of `budget`, and the batch that the one on activations is for."""

    bounds: tuple[Bound, ...]
    batch: int

    def check(self, graph: Graph, env: Env, evaluator: Evaluator) -> None:
        """Report each bound that is exceeded, with what the network costs and the stages that cost most."""
        for bound in self.bounds:
            actual, parts, words = measure(bound.measure, graph, self.batch)
            if actual > bound.amount:
                _report(bound, self.batch, actual, parts, words, env, evaluator)


def budget_of(tree: Mapping, env: Env, evaluator: Evaluator) -> Budget:
    """What `budget` says."""
    bounds, batch = [], 1
    known = [*MEASURES, BATCH.name]
    for key, entry in tree.entries.items():
        if key == BATCH.name:
            value = evaluator.param(BATCH, entry.value, env).value
            batch = value if isinstance(value, int) else 1
        elif key in MEASURES:
            amount = _amount(key, entry.value, env, evaluator)
            bounds += [Bound(key, amount, entry.value.span)] if amount is not None else []
        else:
            help = suggestion(key, known, "its fields are")
            message = f"`budget` has no field `{key}`"
            evaluator.fault("A0101", message, entry.key.span, env, label="unknown field", help=help)
    return Budget(tuple(bounds), batch)


def _amount(measure: str, tree: Tree, env: Env, evaluator: Evaluator) -> float | None:
    """A number, or one with a unit: `25 MiB`."""
    value = evaluator.value(tree, env).value
    try:
        return None if isinstance(value, Unknown) else amount_of(measure, value)
    except Fault as fault:
        evaluator.fault(fault.code, fault.message, tree.span, env, label=fault.label, help=fault.help)
        return None


def amount_of(measure: str, value: Value) -> float:
    """The number that a bound on `measure` means. Raises Fault."""
    if isinstance(value, str):
        return _with_unit(measure, value)
    number = conform(Param(measure, "float", min=0), value)
    assert is_number(number)
    return number


def _with_unit(measure: str, text: str) -> float:
    """The number that a text with a unit means. Raises Fault."""
    units = MEASURES[measure]
    match = AMOUNT.match(text.strip())
    if match is None:
        help = f"write a number, or one with a unit: `{'25 MiB' if units is BYTES else '1.8 G'}`"
        raise Fault("A0103", f"`{measure}` needs a number", f"this is a string (`{text[:80]}`)", help)
    if match[2] not in units:
        help = suggestion(match[2], units, "its units are")
        raise Fault("A0104", f"`{measure}` has no unit `{match[2][:80]}`", "unknown unit", help)
    return float(match[1]) * units[match[2]]


def _report(
    bound: Bound, batch: int, actual: int, parts: dict[str, int], words: str, env: Env, evaluator: Evaluator
) -> None:
    most = ", ".join(
        f"{f'`{path}`' if path else 'the input'} {in_unit(count, bound.measure, short=True)} ({count / actual:.0%})"
        for path, count in sorted(parts.items(), key=lambda part: -part[1])[:MOST]
        if count
    )
    told = f" for a batch of {batch:,}" if bound.measure == "activation_memory" else ""
    evaluator.fault(
        "A0506",
        f"the network exceeds its budget of {bound.measure}",
        bound.span,
        env,
        label=f"declared {in_unit(bound.amount, bound.measure)}, inferred {in_unit(actual, bound.measure)}{told}",
        notes=(f"{words} {most}",) if most else (),
        help="narrow or drop stages, or raise the budget",
    )


def measure(name: str, graph: Graph, batch: int) -> tuple[int, dict[str, int], str]:
    """What the network costs, of which how much in each stage, and the words that introduce those."""
    if name == "activation_memory":
        peak = peak_activations(graph)
        held = {path: size * batch for path, size in peak.alive.items()}
        return peak.bytes * batch, held, f"at `{peak.at}` the most is held at once, by"
    found = costs(graph)
    rows = [item.path for item in graph.children()]
    if name == "file_size":
        return weights_file_bytes(graph), {path: found[path].bytes for path in rows}, "most in"
    return getattr(found[""], name), {path: getattr(found[path], name) for path in rows}, "most in"


def in_unit(amount: float, measure: str, short: bool = False) -> str:
    """An amount in full, and for bytes in a unit too: `26,214,400 B (25 MiB)`, or where `short` in the unit alone."""
    full = f"{amount:,.0f}"
    if MEASURES[measure] is COUNTS or amount < 2**10:
        return full + " B" * (MEASURES[measure] is BYTES)
    unit = next(unit for unit in ("TiB", "GiB", "MiB", "KiB") if amount >= BYTES[unit])
    rounded = f"{amount / BYTES[unit]:.4g} {unit}"
    return rounded if short else f"{full} B ({rounded})"
