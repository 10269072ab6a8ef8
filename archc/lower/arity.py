"""How many inputs a stage takes: one, or two and more for a merge, or as many as a block names."""

from __future__ import annotations

from collections.abc import Sequence

from archc.blocks.primitives import Primitive
from archc.lower.env import Env, Evaluator
from archc.lower.frames import Flow
from archc.lower.references import DANGLING
from archc.spec.model import Definition, Stage


def takes(
    type_: Primitive | Definition | None, stage: Stage, flows: Sequence[Flow], env: Env, evaluator: Evaluator, path: str
) -> bool:
    """Whether a stage of that type (None: a group) takes so many inputs.

    Reported unless a faulty reference is among them, for then it is not known how many are meant.
    """
    wrong = _wrong(type_, stage, len(flows))
    if wrong is None:
        return True
    if isinstance(type_, Definition) and not type_.inputs:
        return False
    if all(reference.name for reference in stage.from_) and not any(flow.id == DANGLING for flow in flows):
        message, help = wrong
        label = "one is given" if len(flows) == 1 else f"{len(flows)} are given"
        span = stage.from_[0].span if stage.from_ else stage.span
        evaluator.fault("A0405", message, span, env, label=label, help=help, path=path)
    return False


def _wrong(type_: Primitive | Definition | None, stage: Stage, count: int) -> tuple[str, str] | None:
    """The message and help for a wrong number of inputs, or None."""
    if type_ is None:
        help = "join them first, or use a block with `inputs:`"
        return None if count == 1 else ("a group takes one input", help)
    if isinstance(type_, Primitive) and type_.merges:
        few = count < 2 and not any(reference.every for reference in stage.from_)
        return (f"{type_.name} joins two inputs or more", "write `from: [a, b]`") if few else None
    if isinstance(type_, Primitive):
        help = "join them first with `concat` or `add`"
        return None if count == 1 else (f"{type_.name} takes one input", help)
    if count == len(type_.inputs):
        return None
    if len(type_.inputs) == 1:
        return f"`{type_.name}` takes one input", "join them first"
    return f"`{type_.name}` takes {len(type_.inputs)} inputs", f"write `from: [...]` with {', '.join(type_.inputs)}"
