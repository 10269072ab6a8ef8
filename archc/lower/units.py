"""What a stage is, besides its place in the list: a group, a primitive or a block, with its fields."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from archc.blocks.library import Library, Type
from archc.blocks.primitives import Primitive
from archc.blocks.torch_names import type_help
from archc.diagnostics import Report
from archc.lower.arguments import Arguments, Call, Fixed, has_expression, uses_index
from archc.lower.env import Env, Evaluator
from archc.lower.frames import InitLayer
from archc.lower.init import InitChecker
from archc.lower.names import no_children
from archc.source import Mapping, Scalar, Sequence, Tree
from archc.spec.expressions import ExpressionError, parse_text
from archc.spec.hints import COMPARISON, intended
from archc.spec.model import Definition, Stage
from archc.spec.params import Param
from archc.spec.values import BlockRef, Bound, Unknown, Value


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """What a stage says, by which it is expanded once or many times."""

    stage: Stage
    type: Type | None
    """None for a group."""
    block: BlockRef | None
    """The block parameter that gave the type, if one did."""
    init: tuple[InitLayer, ...]
    names: tuple[str, ...] | None = None
    """The variables that its fields use; None where more than they and what arrives decides what it makes."""
    varies: bool = False
    """Whether anything in it uses `i`, so that copies may differ."""
    made: dict[Hashable, Any] = field(default_factory=dict)
    """What it made, by what decides that; one for all primitives with the same fields."""
    fixed: Fixed = field(default_factory=Fixed)

    def key(self, env: Env) -> Hashable:
        """What the fields depend on: what arrives, whether it is the first copy, and the values of their variables."""
        if self.names is None:
            return None
        if not self.names:
            return env.in_channels, env.no_channels, not env.index
        bounds = env.bounds
        values = [bounds[name].value if name in bounds else None for name in self.names]
        told = tuple([told_apart(value) for value in values])
        return env.in_channels, env.no_channels, not env.index, env.index if "i" in self.names else None, told

    def origins(self, env: Env) -> Hashable:
        """Where the values of its variables come from."""
        bounds = env.bounds
        return tuple([id(bounds[name].origin) for name in self.names or () if name in bounds])


TYPE: Final = Param("type", "string")


class Units:
    """Reads what stages are; shared by every list of one network."""

    def __init__(
        self,
        library: Library,
        evaluator: Evaluator,
        defaults: Mapping | None,
        spec_env: Env,
        inits: InitChecker,
        has_lost_defaults: bool = False,
    ) -> None:
        self.library = library
        self.evaluator = evaluator
        self.defaults = defaults
        self.spec_env = spec_env
        self.inits = inits
        self.has_lost_defaults = has_lost_defaults
        self.silent = Evaluator(Report(), evaluator.rank)
        self.known: dict[Hashable, tuple[tuple[InitLayer, ...], Unit]] = {}
        """By the stage's id, and its type or the block where a param says it, units and the `init` around them."""

        self.shared: dict[Hashable, dict[Hashable, Any]] = {}
        """What primitives made, by what their stages say."""

    def again(self, stage: Stage, init: tuple[InitLayer, ...], by: str | int = "") -> Unit | None:
        """The unit of a stage that was there before and is always the same."""
        known = self.known.get((id(stage), by))
        return known[1] if known is not None and known[0] is init else None

    def is_there(self, stage: Stage, env: Env) -> bool | None:
        """Whether neither `when` nor a block parameter of `none` removes the stage; None where that is not known."""
        is_told = True
        if stage.when is not None:
            condition = self.evaluator.value(stage.when, env).value
            if not isinstance(condition, (bool, Unknown)):
                self.evaluator.fault(
                    "A0103",
                    "`when` needs a bool",
                    stage.when.span,
                    env,
                    label="not a condition",
                    help=_as_condition(stage.when, env),
                )
            if condition is False:
                return False
            is_told = isinstance(condition, bool)
        if stage.type is not None and self.evaluator.value(stage.type, env).value in (None, "none"):
            return False
        return True if is_told else None

    def of(self, stage: Stage, env: Env, init: tuple[InitLayer, ...]) -> Unit | None:
        """What a stage that is there expands to; None after a mistake."""
        before = self.evaluator.report.given
        bound = self.evaluator.value(stage.type, env) if stage.type is not None else None
        block = bound.value if bound is not None and isinstance(bound.value, BlockRef) else None
        by = "" if block is None else id(block) if block.fields else block.type
        known = self.again(stage, init, by) if block is not None else None
        if known is not None:
            return known
        unit = self._read(stage, bound, block, env, init)
        has_own = block is None and stage.type is not None and has_expression(stage.type)
        if unit is not None and stage.init is None and not has_own and self.evaluator.report.given == before:
            self.known[id(stage), by] = init, unit
        return unit

    def _read(
        self, stage: Stage, bound: Bound | None, block: BlockRef | None, env: Env, init: tuple[InitLayer, ...]
    ) -> Unit | None:
        if stage.type is None or bound is None:
            own = (self.init_layer(stage.init, env),) if stage.init is not None else ()
            no_children(stage, "a group", env, self.evaluator)
            return Unit(stage, None, None, (*init, *own) if own else init, None, varies(stage, init))
        name = block.type if block else bound.value
        if not isinstance(name, str):
            self.evaluator.conformed(TYPE, bound, stage.type.span, env)
            return None
        found = self.library.find(name, stage.span.file.shipped)
        if found is None and (self.library.is_open or "stages" in stage.given):  # the stages beside it are told of
            return None
        if found is None:
            span = block.span if block else stage.type.span
            self.evaluator.fault(
                "A0105",
                f"there is no type `{name[:80]}`",
                span,
                env,
                origin=None if block else bound.origin,
                group=name,
                label="unknown type",
                help=type_help(name, self.library.names()),
            )
            return None
        if isinstance(found, Definition) and stage.init is not None:
            init = (*init, self.init_layer(stage.init, env))
        is_common = isinstance(found, Primitive) and not (block is not None and block.fields)
        made = self.shared.setdefault(content(stage, name), {}) if is_common else {}
        unit = Unit(stage, found, block, init, self.variables(stage, name), varies(stage, init), made)
        if not made and self.call(unit, name, env, "").report_misspelt(found.params):
            return None
        if isinstance(found, Primitive):
            no_children(stage, f"`{name}`", env, self.evaluator)
            self.inits.check_needed(found, stage.init, env)
        return unit

    def variables(self, stage: Stage, name: str) -> tuple[str, ...] | None:
        """The variables in the fields that a stage gives; None where one of them, or of `defaults`, cannot be told."""
        defaults = self.defaults.get(name) if self.defaults is not None else None
        if defaults is not None and has_expression(defaults):
            return None
        try:
            return tuple(dict.fromkeys(name for entry in stage.args.values() for name in variables(entry.value)))
        except ExpressionError:
            return None

    def init_layer(self, tree: Mapping, env: Env) -> InitLayer:
        """The `init` of a group or block, its types and tensors checked."""
        self.inits.check_types(tree, env)
        return InitLayer(tree, env)

    def call(self, unit: Unit, type_: str, env: Env, path: str) -> Call:
        """One use of a type, with all that can give its fields."""
        defaults = self.defaults.get(type_) if self.defaults is not None else None
        common = defaults if isinstance(defaults, Mapping) else None
        lost = self.has_lost_defaults or (defaults is not None and common is None)
        made = (self.evaluator, type_, unit.stage, unit.block, common, self.spec_env, env, path, unit.fixed)
        return Call(*made, is_open=lost)

    def bound(self, unit: Unit, primitive: Primitive, path: str, env: Env) -> Arguments:
        """The fields of a primitive that is right, once more, for those who ask what gave each."""
        return replace(self.call(unit, primitive.name, env, path), evaluator=self.silent).bind(primitive.params)


def told_apart(value: Value) -> Hashable:
    """A value to compare: a bool is no int, an int no float; two blocks are one only where they stand in one place."""
    if isinstance(value, tuple):
        return tuple([told_apart(one) for one in value])
    return value.__class__, id(value) if isinstance(value, BlockRef) else value


def variables(tree: Tree) -> Iterator[str]:
    """The variables in a tree's expressions. Raises ExpressionError."""
    if isinstance(tree, Sequence):
        for item in tree.items:
            yield from variables(item)
    elif isinstance(tree, Mapping):
        for entry in tree.entries.values():
            yield from variables(entry.value)
    elif isinstance(tree.value, str) and "$" in tree.value:
        yield from parse_text(tree.value).names


def content(stage: Stage, name: str) -> Hashable:
    """What a stage says of the op that it makes."""
    merged = tuple((reference.name == "", reference.every) for reference in stage.from_)
    fields = tuple([(key, value_of(entry.value)) for key, entry in stage.args.items()])
    return name, stage.repeat is not None, merged, fields


def value_of(tree: Tree) -> Hashable:
    """A tree as a value to compare; a bool is no int, an int no float."""
    if isinstance(tree, Scalar):
        return type(tree.value), tree.value
    items = tree.items if isinstance(tree, Sequence) else [entry.value for entry in tree.entries.values()]
    keys = tuple(tree.entries) if isinstance(tree, Mapping) else ()
    return keys, tuple(value_of(item) for item in items)


def varies(stage: Stage, init: tuple[InitLayer, ...]) -> bool:
    """Whether a stage that repeats, anything in it or an `init` around it uses `i`."""
    return stage.repeat is not None and (
        any(uses_index(layer.tree) for layer in init) or any(uses_index(tree) for tree in trees(stage))
    )


def trees(stage: Stage) -> Iterator[Tree]:
    """All that a stage and those in it say."""
    for tree in (stage.name, stage.type, stage.repeat, stage.when, stage.expect, stage.init):
        if tree is not None:
            yield tree
    yield from (entry.value for entry in (*stage.args.values(), *stage.names.values()))
    for child in stage.stages or ():
        yield from trees(child)


def _as_condition(tree: Tree, env: Env) -> str:
    """How to write a condition: as an expression, where it is one without its braces."""
    text = tree.value if isinstance(tree, Scalar) and isinstance(tree.value, str) and "${" not in tree.value else ""
    return (intended(text, env.known()) if COMPARISON.search(text) else "") or "write a comparison"
