"""The fields of one use of a type: given at the stage, by a block parameter, by `defaults`, or by the parameter itself."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from archc.diagnostics import Span
from archc.lower.env import Env
from archc.source import Entry, Mapping, Scalar, Sequence, Tree
from archc.spec.model import STAGE_FIELDS, Stage
from archc.spec.params import Param, Required, nearest, suggestion
from archc.spec.values import UNKNOWN, BlockRef, Bound

if TYPE_CHECKING:
    from archc.lower.stages import Lists, Unit

Arguments = dict[str, tuple[Bound, Span]]
"""Each parameter's value, and the span of what gave it."""


WORK: Final = 10
"""What binding one parameter counts, in parts of an expression."""

INDEX: Final = re.compile(r"\$(?:i\b|\{[^}]*\bi\b)")
INFERRED: Final = ("in_channels", "in_features", "num_features", "num_channels", "normalized_shape")
"""PyTorch's arguments that the language infers."""


def bind(
    lists: Lists, params: tuple[Param, ...], unit: Unit, type_: str, env: Env, path: str, is_open: bool = False
) -> Arguments:
    """The value of every parameter of `type_` at one use; a mistake gives UNKNOWN. Defaults see the earlier ones.

    What an unknown field was meant to be, or anything that is not given if that cannot be told, is UNKNOWN too.
    """
    lists.evaluator.spend(WORK * len(params), unit.stage.span, env)
    names = {param.name: None for param in params}
    unknown = [key for key in unit.stage.args if key not in names]
    for key in unknown if not is_open else ():
        unknown_field(lists, unit.stage.args[key], list(names), type_, env, path)
    if unit.block is not None:
        for key in unit.block.fields.keys() - names.keys() if not is_open else ():
            unknown.append(key)
            lists.evaluator.fault(
                "A0101",
                f"`{type_}` has no field `{key}`",
                unit.block.fields[key].origin or unit.block.span,
                env,
                label="passed to this block",
                help=suggestion(key, names, "its fields are" if names else "remove it"),
                path=path,
            )
    missing = [param for param in params if param.required and not is_given(lists, param, unit, type_)]
    common = lists.defaults.get(type_) if lists.defaults is not None else None
    unknown += [key for key in (common.entries if isinstance(common, Mapping) else ()) if key not in (*names, "names")]
    near = {key: nearest(key, names) for key in unknown}
    hidden = names.keys() if "" in near.values() else near.values()
    report_missing(lists, [] if unknown else missing, unit, type_, env, path)
    bound: Arguments = {}
    inner = Env({}, env.in_channels, env.no_channels, None, env.uses)
    for param in params:
        if param.name in hidden and not is_given(lists, param, unit, type_):
            bound[param.name] = Bound(UNKNOWN, None), unit.stage.span
        else:
            bound[param.name] = argument(lists, param, unit, type_, env, inner, path)
        inner.bounds[param.name] = bound[param.name][0]
    return bound


def misspelt(params: tuple[Param, ...], stage: Stage) -> list[Entry]:
    """The fields of a stage that were meant to be ones that every stage has."""
    names = [param.name for param in params]
    unknown = [entry for key, entry in stage.args.items() if key not in names]
    return [entry for entry in unknown if nearest(str(entry.key.value), [*names, *STAGE_FIELDS]) in STAGE_FIELDS]


def is_given(lists: Lists, param: Param, unit: Unit, type_: str) -> bool:
    """Whether anything but the parameter's own default gives its value."""
    passed = unit.block is not None and param.name in unit.block.fields
    return passed or param.name in unit.stage.args or default_of(lists.defaults, type_, param.name) is not None


def report_missing(lists: Lists, missing: list[Param], unit: Unit, type_: str, env: Env, path: str) -> None:
    """Report the required parameters that nothing gives, all at once."""
    if missing:
        lists.evaluator.fault(
            "A0102",
            f"`{type_}` needs " + " and ".join(f"`{param.name}`" for param in missing),
            unit.stage.span,
            env,
            label="not given",
            help="add " + " and ".join(f"`{p.name}:`" + f" ({p.doc})" * bool(p.doc) for p in missing),
            path=path,
        )


def unknown_field(lists: Lists, entry: Entry, names: list[str], type_: str, env: Env, path: str) -> None:
    """Report a field that the type does not have."""
    key = str(entry.key.value)
    near = nearest(key, [*names, *STAGE_FIELDS])
    help = f"did you mean `{near}`?" if near else suggestion(key, names, "its fields are" if names else "remove it")
    if key in INFERRED:
        help = "remove it: what arrives is inferred from the stages before"
    lists.evaluator.fault(
        "A0101", f"`{type_}` has no field `{key}`", entry.key.span, env, label="unknown field", help=help, path=path
    )


def argument(lists: Lists, param: Param, unit: Unit, type_: str, env: Env, inner: Env, path: str) -> tuple[Bound, Span]:
    """The value of one parameter."""
    stage, evaluator = unit.stage, lists.evaluator
    if unit.block is not None and param.name in unit.block.fields:
        given = unit.block.fields[param.name]
        span = given.origin or unit.block.span
        return evaluator.conformed(param, as_block(param, given, span), span, env, path), span
    if param.name in stage.args:
        tree = stage.args[param.name].value
        return evaluator.param(param, first_copy_only(param, tree, stage.repeat, env), env, path), tree.span
    default = default_of(lists.defaults, type_, param.name)
    if default is not None:
        scope = replace(lists.spec_env, in_channels=env.in_channels, no_channels=env.no_channels)
        bound = evaluator.param(param, default, scope, path)
        return Bound(bound.value, None), default.span
    if isinstance(param.default, Required):
        return Bound(UNKNOWN, None), stage.span
    return own_default(lists, param, inner, stage.span, path), stage.span


def first_copy_only(param: Param, tree: Tree, repeat: Tree | None, env: Env) -> Tree:
    """A `stride` beside `repeat` goes to copy 0, the others get 1, unless it says itself what each copy gets, by `i`."""
    if param.name != "stride" or repeat is None or not env.index or uses_index(tree):
        return tree
    return Scalar(1, tree.span, None)


def uses_index(tree: Tree) -> bool:
    """Whether an expression in `tree` uses `i`."""
    if isinstance(tree, Sequence):
        return any(uses_index(item) for item in tree.items)
    return isinstance(tree, Scalar) and isinstance(tree.value, str) and INDEX.search(tree.value) is not None


def own_default(lists: Lists, param: Param, inner: Env, span: Span, path: str) -> Bound:
    """A parameter's default, evaluated where it is an expression."""
    default = param.default
    if isinstance(default, (Scalar, Mapping)) or hasattr(default, "items"):
        bound = lists.evaluator.param(param, default, inner, path)  # type: ignore[arg-type]
        return Bound(bound.value, None if bound.origin is default.span else bound.origin)  # type: ignore[union-attr]
    if isinstance(default, str) and default.startswith("$"):
        bound = lists.evaluator.value(Scalar(default, span, None), inner, path)
        return Bound(bound.value, bound.origin if bound.origin is not span else None)
    return Bound(default, None)  # type: ignore[arg-type]


def default_of(defaults: Mapping | None, type_: str, name: str) -> Tree | None:
    """What the spec's `defaults` say of a field of a type."""
    fields = defaults.get(type_) if defaults is not None else None
    return fields.get(name) if isinstance(fields, Mapping) else None


def as_block(param: Param, bound: Bound, span: Span) -> Bound:
    """A field passed inside a block reference, where a block is wanted and a type's name was written."""
    if param.kind == "block" and isinstance(bound.value, str):
        return Bound(None if bound.value == "none" else BlockRef(bound.value, span, {}), bound.origin)
    return bound
