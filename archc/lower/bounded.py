"""How large a network may become while it is lowered, and what is blamed where it would be larger."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NoReturn

from archc.blocks.library import Library
from archc.blocks.primitives import Primitive
from archc.diagnostics import Span, Stop
from archc.limits import MAX_OPS, MAX_STAGES
from archc.lower.env import Env, Evaluator
from archc.lower.least import Least
from archc.lower.made import Made, Passage, Repeat
from archc.lower.units import Unit
from archc.spec.model import Stage

SMALL: Final = 1000
"""Stages that are lowered rather than estimated."""


@dataclass(slots=True, eq=False, kw_only=True)
class Bounded(Made):
    """What lowering makes, within limits."""

    library: Library
    evaluator: Evaluator
    repeats: list[Repeat] = field(default_factory=list)
    """Those that are being lowered, outermost first."""
    least: Least = field(init=False)

    def __post_init__(self) -> None:
        self.least = Least(self.library)

    def step(self, stage: Stage, env: Env) -> None:
        """Count a stage or a copy. Raises Stop past the limit."""
        self.steps += 1
        if self.steps > MAX_STAGES:
            self.stop(f"the network has more than {MAX_STAGES:,} stages", stage.span, env)

    def stop(
        self, message: str, span: Span, env: Env, help: str = "use fewer copies", path: str = "", label: str = ""
    ) -> NoReturn:
        """Report a limit that the network passes, and go no further."""
        self.evaluator.fault("A0003", message, span, env, label=label, help=help, path=path)
        raise Stop

    def begin(self, unit: Unit, count: int, path: str, env: Env) -> Repeat:
        """Note a repeat that is being lowered."""
        span = unit.stage.repeat.span if unit.stage.repeat is not None else unit.stage.span
        self.repeats.append(Repeat(path, span, env, count, len(self.nodes)))
        return self.repeats[-1]

    def check_room(self, unit: Unit, count: int, span: Span, env: Env) -> None:
        """Stop where a stage is sure to be too much, before any of it is made.

        Equal copies of which one is small are counted exactly, once two are made.
        """
        if isinstance(unit.type, Primitive) and count == 1:
            return
        ops, stages = self.least.of_copy(unit.stage, unit.type)
        if count > 1 and not unit.varies and stages < SMALL:
            return
        if len(self.nodes) + count * ops > MAX_OPS:
            label = f"at least {ops:,} op{'s' * (ops != 1)}"
            label = label if count == 1 else f"{count:,} copies of {label} make {count * ops:,}"
            help = "use fewer stages" if count == 1 else "use fewer copies"
            self.stop(f"the network has more than {MAX_OPS:,} ops", span, env, help, label=label)
        if self.steps + count * stages > MAX_STAGES:
            self.stop(f"the network has more than {MAX_STAGES:,} stages", span, env)

    def make_room(self, passage: Passage, times: int, span: Span, env: Env, path: str) -> None:
        """Stop where a passage as often again would be too much."""
        if len(self.nodes) + times * passage.ops > MAX_OPS:
            self.too_many_ops(span, env, path)
        if self.steps + times * passage.steps > MAX_STAGES:
            self.stop(f"the network has more than {MAX_STAGES:,} stages", span, env)

    def too_many_ops(self, span: Span, env: Env, path: str) -> NoReturn:
        """Stop where there are more ops than a network may have, at the outermost repeat that made several."""
        message = f"the network has more than {MAX_OPS:,} ops"
        repeat = next((repeat for repeat in self.repeats if repeat.done), None)
        if repeat is None:
            self.stop(message, span, env, "use fewer stages", path)
        self.stop(message, repeat.span, repeat.env, path=repeat.path, label=repeat.sum())
