"""What no copy of the network has: stages that `when` keeps out everywhere, and blocks that nothing uses as a type.

They are a part of the text all the same, and what can be told wrong of them without a shape is reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from archc.blocks.primitives import Primitive
from archc.lower.arguments import as_block
from archc.lower.claims import unknown_type
from archc.lower.env import Env
from archc.lower.expect import sizes_of
from archc.lower.names import check_renames
from archc.lower.stages import REPEAT, Lists
from archc.spec.model import Definition, Spec, Stage
from archc.spec.params import suggestion
from archc.spec.values import UNKNOWN, BlockRef, Bound

ANYTHING: Final = Env({"i": Bound(UNKNOWN, None)}, is_open=True)
"""A scope in which every name is known, and no value."""


def check_absent(spec: Spec, lists: Lists) -> None:
    """Check the stages that were never lowered, and the blocks that no stage had as its type."""
    _check_list(spec.stages, lists, used=True)
    for name, definition in spec.blocks.items():
        _check_list(definition.stages, lists, used=name in lists.used_blocks)
    for ref, env in list(lists.evaluator.blocks.values()):
        if ref.span not in lists.seen.blocks:
            _check_block(ref, env, lists)


def _check_list(stages: Sequence[Stage], lists: Lists, used: bool) -> None:
    """`used`: whether the network has the list, so that what it claims and draws was checked with its shapes."""
    for stage in stages:
        absent = id(stage) not in lists.seen.stages
        if absent and not stage.faulty:
            _check_stage(stage, lists)
        if absent or not used:
            _check_claims(stage, lists)
        _check_list(stage.stages or (), lists, used)


def _check_stage(stage: Stage, lists: Lists) -> None:
    """Its fields, of the kinds that they need, as far as their values are plain."""
    if stage.repeat is not None:
        lists.evaluator.param(REPEAT, stage.repeat, ANYTHING)
    lists.is_absent(stage, ANYTHING)
    present = replace(stage, when=None)
    unit = None if lists.is_absent(present, ANYTHING) else lists.unit(present, ANYTHING, ())
    if unit is None or unit.type is None:
        return
    is_open = False
    if isinstance(unit.type, Definition):
        check_renames(unit.type, stage.names, ANYTHING, lists.evaluator)
        is_open = unit.type.is_open
    lists.call(unit, unit.type.name, ANYTHING, "").bind(unit.type.params, is_open)


def _check_claims(stage: Stage, lists: Lists) -> None:
    """The form of its `expect`, and the tensors of its own that `init` names."""
    if stage.expect is not None:
        sizes_of(stage.expect, "", ANYTHING, lists.evaluator)
    found = lists.library.find(str(stage.type.value)) if stage.type is not None else None
    if isinstance(found, Primitive) and stage.init is not None:
        lists.inits.check_tensors(found, stage.init, ANYTHING)


def _check_block(ref: BlockRef, env: Env, lists: Lists) -> None:
    """A block that is passed and not used: its type, and the fields that come with it."""
    found = lists.library.find(ref.type)
    if found is None:
        if not lists.library.is_open:
            unknown_type(ref.type, ref.span, env, lists)
        return
    params = {param.name: param for param in found.params}
    for key, bound in ref.fields.items():
        span = bound.origin or ref.span
        if key in params:
            lists.evaluator.conformed(params[key], as_block(params[key], bound, span), span, env)
        elif not (isinstance(found, Definition) and found.is_open):
            lists.evaluator.fault(
                "A0101",
                f"`{ref.type}` has no field `{key}`",
                span,
                env,
                label="passed to this block",
                help=suggestion(key, params, "its fields are" if params else "remove it"),
            )
