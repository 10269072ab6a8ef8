"""What `from` names: the stages of one list that came before, and what to say of any other name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from archc.diagnostics import Span
from archc.lower.env import Env, Evaluator
from archc.lower.frames import Flow, Frame, Ref
from archc.spec.model import Reference, Stage
from archc.spec.params import suggestion

DANGLING: Final = -2
"""The number of a value that a faulty reference stands for: how many there should be is not known either."""

WORK: Final = 10
"""What one input counts, in parts of an expression."""


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """One value that a stage takes: from which stage, and where that was written (None: the predecessor's output)."""

    ref: Ref
    flow: Flow
    span: Span | None = None


def inputs_of(stage: Stage, frame: Frame, env: Env, evaluator: Evaluator) -> list[Given]:
    """What a stage takes: what `from` names, or its predecessor's output."""
    if not stage.from_:
        frame.current.use()
        return [Given(frame.current, frame.current.flow)]
    found: list[Given] = []
    for reference in stage.from_:
        ref = frame.find(reference.name)
        if ref is None:
            dangling(stage, reference, frame, env, evaluator)
            frame.current.use()
            unknown = Flow(DANGLING, None, reference.span, "")
            found.append(Given(Ref(unknown, reference.span), unknown, reference.span))
            continue
        ref.use()
        flows = ref.copies if reference.every and ref.copies else (ref.flow,)
        evaluator.spend(WORK * len(flows), reference.span, env)
        found += [Given(ref, flow, reference.span) for flow in flows]
    return found


def dangling(stage: Stage, reference: Reference, frame: Frame, env: Env, evaluator: Evaluator) -> None:
    """Report a name that is not an earlier stage of the list; nothing is then said of stages that nothing takes."""
    name, span = reference.name, reference.span
    if frame.is_open:
        return
    if name in frame.names:
        itself = stage.name is not None and name == str(stage.name.value)
        frame.excuse(name)
        evaluator.fault(
            "A0402",
            f"`{name}` is this stage itself" if itself else f"`{name}` comes later in the list",
            span,
            env,
            label="a stage takes what earlier ones give",
            help="name an earlier stage, or move this one behind it",
        )
    elif (outer := enclosing(name, frame)) is not None:
        outer.excuse(name)
        evaluator.fault(
            "A0404",
            f"`{name}` is a stage of another list",
            span,
            env,
            label="no reference crosses a list",
            help="pass it in: a block with `inputs:`, or move this stage into that list",
        )
        return
    elif name and not frame.has_lost_names:
        known = [*frame.refs, *frame.inputs, *([] if "input" in frame.inputs else ["input"])]
        outer_part = name.partition(".")[0]
        inside = (
            f"no reference reaches into `{outer_part}`: name that, which gives what its last stage does, or pass it in"
        )
        evaluator.fault(
            "A0401",
            f"there is no stage `{name[:80]}` before this one",
            span,
            env,
            label="unknown stage",
            help=inside if outer_part != name and outer_part in known else suggestion(name, known, "known here are"),
        )
    frame.excuse_all()


def enclosing(name: str, frame: Frame) -> Frame | None:
    """The list around this one that has a stage of that name."""
    outer = frame.outer
    while outer is not None and name not in outer.refs and name not in outer.names:
        outer = outer.outer
    return outer


def reference_span(stage: Stage, index: int, count: int) -> Span:
    """Where the input of that index was named, if `m.*` stands for as many as are left over."""
    copies = count - len(stage.from_)
    every = next((at for at, reference in enumerate(stage.from_) if reference.every), count)
    at = index if index <= every else max(every, index - copies)
    return stage.from_[min(at, len(stage.from_) - 1)].span
