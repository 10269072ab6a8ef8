"""How many ops and stages a stage makes at least, told without lowering it: what is far too much is refused at once."""

from __future__ import annotations

from archc.blocks.library import Library, Type
from archc.blocks.primitives import Primitive
from archc.limits import MAX_LISTS, MAX_REPEAT
from archc.lower.arguments import has_expression
from archc.source import Scalar
from archc.spec.model import Stage

Count = tuple[int, int]
"""Ops, and stages with their copies."""


class Least:
    """Counts what is there whatever the params are; each stage and each definition once."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.copies: dict[int, Count] = {}
        """By the stage's id, what one copy of it has."""

    def of_copy(self, stage: Stage, type_: Type | None, depth: int = 0) -> Count:
        """What one copy of a stage that is there has at least; `type_` is None for a group."""
        known = self.copies.get(id(stage))
        if known is None or (depth == 0 and stage.type is not None and has_expression(stage.type)):
            self.copies[id(stage)] = 0, 0  # what a definition that contains itself finds
            inner = stage.stages if type_ is None else () if isinstance(type_, Primitive) else type_.stages
            counts = [self.of_stage(child, depth + 1) for child in inner or ()] if depth < MAX_LISTS else []
            ops = sum(ops for ops, _ in counts) + isinstance(type_, Primitive)
            known = self.copies[id(stage)] = ops, 1 + sum(stages for _, stages in counts)
        return known

    def of_stage(self, stage: Stage, depth: int) -> Count:
        """What a stage has at least: nothing where it may be absent or what it is depends on params."""
        if stage.when is not None or stage.faulty or (stage.type is not None and has_expression(stage.type)):
            return 0, 0
        type_ = self.library.find(str(stage.type.value)) if stage.type is not None else None
        if type_ is None and stage.type is not None:
            return 0, 0
        count = stage.repeat.value if isinstance(stage.repeat, Scalar) else 1
        times = min(count, MAX_REPEAT) if isinstance(count, int) and count > 1 else 1
        ops, stages = self.of_copy(stage, type_, depth)
        return times * ops, times * stages
