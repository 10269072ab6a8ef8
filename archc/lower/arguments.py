"""The fields of one use of a type: given at the stage, by a block parameter, by `defaults`, or by the parameter itself."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Final

from archc.blocks.primitives import PRIMITIVES
from archc.blocks.torch_names import field_help
from archc.diagnostics import Label, Span
from archc.lower.env import Env, Evaluator
from archc.source import Entry, Mapping, Scalar, Sequence, Tree
from archc.spec.model import STAGE_FIELDS, Stage
from archc.spec.params import Param, Required, meant, nearest, proposal, suggestion
from archc.spec.reader import MANY
from archc.spec.values import UNKNOWN, BlockRef, Bound, Unknown

Arguments = dict[str, tuple[Bound, Span]]
"""Each parameter's value, and the span of what gave it."""

WORK: Final = 10
"""What binding one parameter counts, in parts of an expression."""
FIXED_WORK: Final = 3
"""And one whose value is known."""


@dataclass(slots=True, eq=False)
class Fixed:
    """What is the same in every copy of a stage: the fields without expressions, once they were found to be right."""

    arguments: Arguments = field(default_factory=dict)
    varying: set[str] = field(default_factory=set)
    """The fields that have expressions."""
    is_right: bool = False
    """Whether all fields are known ones and none is missing."""


INDEX: Final = re.compile(r"\$(?:i\b|\{[^}]*\bi\b)")
ELSEWHERE: Final = frozenset(
    {*(param.name for one in PRIMITIVES.values() for param in one.params), *STAGE_FIELDS}
    | {"padding_mode", "inplace", "device", "dtype", "track_running_stats", "num_layers"}
)
"""Fields of other types, and arguments of PyTorch's that the language does not have: no misspellings of anything."""

INFERRED: Final = ("in_channels", "in_features", "num_features", "num_channels", "normalized_shape")
"""PyTorch's arguments that the language infers."""


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One use of a type at `path`: the places that can give its fields."""

    evaluator: Evaluator
    type: str
    stage: Stage
    block: BlockRef | None
    """The block parameter that gave the type, if one did: its fields win over the stage's."""
    defaults: Mapping | None
    """What the spec's `defaults` say of the type."""
    spec_env: Env
    env: Env
    path: str
    fixed: Fixed = field(default_factory=Fixed)

    is_open: bool = False
    """Whether `defaults` may give fields that could not be read."""

    def bind(self, params: tuple[Param, ...], is_open: bool = False) -> Arguments:
        """The value of every parameter; a mistake gives UNKNOWN. Defaults see the earlier ones.

        What an unknown field was meant to be, or anything that is not given if that cannot be told, is UNKNOWN too.
        """
        fixed, varying = self.fixed.arguments, self.fixed.varying
        work = WORK * (len(params) - len(fixed)) + FIXED_WORK * (1 + len(fixed))
        self.evaluator.spend(work, self.stage.span, self.env)
        hidden, likely = self.check(params, is_open) if not self.fixed.is_right else (set(), {})
        bound: Arguments = {}
        inner = Env({}, self.env.in_channels, self.env.no_channels, None, self.env.uses)
        for param in params:
            name = param.name
            if name in fixed:
                bound[name] = fixed[name]
            elif name in hidden and not self.is_given(param):
                bound[name] = Bound(UNKNOWN, None), self.stage.span
            else:
                bound[name] = self.argument(param, inner, likely.get(name))
                if name not in varying and name not in likely:
                    if self.is_fixed(param, bound[name][0]):
                        fixed[name] = bound[name]
                    else:
                        varying.add(name)
            inner.bounds[name] = bound[name][0]
            if name in likely:
                inner.bounds[str(likely[name].key.value)] = bound[name][0]
        return bound

    def check(self, params: tuple[Param, ...], is_open: bool) -> tuple[Collection[str], dict[str, Entry]]:
        """Report unknown fields and missing ones; the parameters of which nothing is known then, and those misspelt."""
        names = [param.name for param in params]
        unknown = self.unknown_fields(params, names, is_open)
        missing = [param for param in params if param.required and not self.is_given(param)]
        likely = self.misspelt(names) if unknown else {}
        words = {key: nearest(key, names) for key in unknown if key not in INFERRED}
        near = {word for key, word in words.items() if word or key not in ELSEWHERE}
        hidden = (set(names) if "" in near else near) - likely.keys()
        hidden |= set(names) if self.is_open else set()
        unclear = any(not meant(key, names) for key in words)
        lost = {*hidden, *likely, *(names if unclear else ())}
        self.report_missing([param for param in missing if param.name not in lost])
        self.fixed.is_right = not unknown and not missing and not self.is_open
        return hidden, likely

    def is_fixed(self, param: Param, bound: Bound) -> bool:
        """Whether a value is the same in every copy: right, and made of no expression."""
        if isinstance(bound.value, Unknown) or (self.block is not None and param.name in self.block.fields):
            return False
        if param.name in self.stage.args:
            by_copy = param.name == "stride" and self.stage.repeat is not None
            return not by_copy and not has_expression(self.stage.args[param.name].value)
        default = self.default(param) or param.default
        if isinstance(default, (Scalar, Sequence, Mapping)):
            return not has_expression(default)
        return not (isinstance(default, str) and "$" in default)

    def aliases(self, bound: Arguments) -> dict[str, Bound]:
        """The values of misspelt fields by the words that were written.

        If it is the definition that misspells its parameter, its stages will have the other word.
        """
        return {str(entry.key.value): bound[name][0] for name, entry in self.misspelt(list(bound)).items()}

    def misspelt(self, names: list[str]) -> dict[str, Entry]:
        """The stage's fields that can be taken for parameters which are not given, by what they were meant to be."""
        keys = [key for key in self.stage.args if key not in names]
        words = {key: meant(key, names) for key in keys} if len(keys) <= MANY else {}
        return {word: self.stage.args[key] for key, word in words.items() if word and word not in self.stage.args}

    def is_given(self, param: Param) -> bool:
        """Whether anything but the parameter's own default gives its value."""
        passed = self.block is not None and param.name in self.block.fields
        return passed or param.name in self.stage.args or self.default(param) is not None

    def default(self, param: Param) -> Tree | None:
        """What the spec's `defaults` say of a field."""
        return self.defaults.get(param.name) if self.defaults is not None else None

    # -- mistakes ---------------------------------------------------------------------------------------------------

    def unknown_fields(self, params: tuple[Param, ...], names: list[str], is_open: bool) -> list[str]:
        """The fields that the type does not have, reported unless the definition could not be read whole."""
        unknown = [key for key in self.stage.args if key not in names]
        passed = [key for key in (self.block.fields if self.block else ()) if key not in names and not is_open]
        for key in unknown if not is_open else ():
            word = meant(key, names)
            own = next((param.span for param in params if param.name == word and param.span is not None), None)
            self.unknown_field(self.stage.args[key], names, own if own is None or not own.file.shipped else None)
        for key in passed:
            assert self.block is not None
            span = self.block.keys.get(key) or self.block.fields[key].origin or self.block.span
            otherwise = "its fields are" if names else "remove it"
            help = field_help(self.type, key) or suggestion(key, names, otherwise, self.block.fields)
            self.fault("A0101", f"`{self.type}` has no field `{key}`", span, "passed to this block", help)
        common = self.defaults.entries if self.defaults is not None else ()
        return [*unknown, *passed, *(key for key in common if key not in (*names, "names"))]

    def unknown_field(self, entry: Entry, names: list[str], declared: Span | None = None) -> None:
        """Report a field of the stage that the type does not have; `declared` is where one like it is declared."""
        key = str(entry.key.value)
        near = nearest(key, [*names, *STAGE_FIELDS])
        help = suggestion(key, names, "its fields are" if names else "remove it")
        if near:
            help = proposal(key, near, [*names, *STAGE_FIELDS], self.stage.given)
        help = field_help(self.type, key) or help
        labels = (Label(declared, f"`{near}` is declared here"),) if declared is not None else ()
        message, group = f"`{self.type}` has no field `{key}`", f"{self.type}.{key}" if labels else ""
        self.evaluator.fault(
            "A0101",
            message,
            entry.key.span,
            self.env,
            label="unknown field",
            help=help,
            path=self.path,
            labels=labels,
            group=group,
        )

    def report_misspelt(self, params: tuple[Param, ...]) -> bool:
        """Report the fields that were meant to be ones that every stage has; whether there are any."""
        names = [param.name for param in params]
        unknown = [entry for key, entry in self.stage.args.items() if key not in names]
        wrong = [e for e in unknown if nearest(str(e.key.value), [*names, *STAGE_FIELDS]) in STAGE_FIELDS]
        for entry in wrong:
            self.unknown_field(entry, names)
        return bool(wrong)

    def report_missing(self, missing: list[Param]) -> None:
        """Report the required parameters that nothing gives, all at once."""
        if missing:
            needed = " and ".join(f"`{param.name}`" for param in missing)
            help = "add " + " and ".join(f"`{p.name}:`" + f" ({p.doc})" * bool(p.doc) for p in missing)
            self.fault("A0102", f"`{self.type}` needs {needed}", self.stage.span, "not given", help)

    def fault(self, code: str, message: str, span: Span, label: str, help: str) -> None:
        """Report a mistake of this use."""
        self.evaluator.fault(code, message, span, self.env, label=label, help=help, path=self.path)

    # -- values -----------------------------------------------------------------------------------------------------

    def argument(self, param: Param, inner: Env, likely: Entry | None) -> tuple[Bound, Span]:
        """The value of one parameter; `inner` is what its own default sees, `likely` a misspelt field that gives it."""
        evaluator, env, path = self.evaluator, self.env, self.path
        if self.block is not None and param.name in self.block.fields:
            given = self.block.fields[param.name]
            span = given.origin or self.block.span
            return evaluator.conformed(param, as_block(param, given, span), span, env, path), span
        entry = self.stage.args.get(param.name, likely)
        if entry is not None:
            tree = entry.value
            return evaluator.param(param, first_copy_only(param, tree, self.stage.repeat, env), env, path), tree.span
        default = self.default(param)
        if default is not None:
            scope = replace(self.spec_env, in_channels=env.in_channels, no_channels=env.no_channels)
            return Bound(evaluator.param(param, default, scope, path).value, None), default.span
        if isinstance(param.default, Required):
            return Bound(UNKNOWN, None), self.stage.span
        return self.own_default(param, inner), self.stage.span

    def own_default(self, param: Param, inner: Env) -> Bound:
        """A parameter's default, evaluated where it is an expression."""
        default, span = param.default, self.stage.span
        if isinstance(default, (Scalar, Sequence, Mapping)):
            bound = self.evaluator.param(param, default, inner, self.path)
            return Bound(bound.value, None if bound.origin is default.span else bound.origin)
        if isinstance(default, str) and default.startswith("$"):
            bound = self.evaluator.value(Scalar(default, span, None), inner, self.path)
            return Bound(bound.value, bound.origin if bound.origin is not span else None)
        assert not isinstance(default, Required)
        return Bound(default, None)


def first_copy_only(param: Param, tree: Tree, repeat: Tree | None, env: Env) -> Tree:
    """A `stride` beside `repeat` goes to copy 0, the others get 1, unless it says itself what each copy gets, by `i`."""
    if param.name != "stride" or repeat is None or not env.index or uses_index(tree):
        return tree
    return Scalar(1, tree.span, None)


def has_expression(tree: Tree) -> bool:
    """Whether there is an expression in `tree`, so that its value depends on where it is used."""
    if isinstance(tree, Sequence):
        return any(has_expression(item) for item in tree.items)
    if isinstance(tree, Mapping):
        return any(has_expression(entry.value) for entry in tree.entries.values())
    return isinstance(tree.value, str) and "$" in tree.value


def uses_index(tree: Tree) -> bool:
    """Whether an expression in `tree` uses `i`."""
    if isinstance(tree, Sequence):
        return any(uses_index(item) for item in tree.items)
    if isinstance(tree, Mapping):
        return any(uses_index(entry.value) for entry in tree.entries.values())
    return isinstance(tree, Scalar) and isinstance(tree.value, str) and INDEX.search(tree.value) is not None


def as_block(param: Param, bound: Bound, span: Span) -> Bound:
    """A field passed inside a block reference, where a block is wanted and a type's name was written."""
    if param.kind == "block" and isinstance(bound.value, str):
        return Bound(None if bound.value == "none" else BlockRef(bound.value, span, {}), bound.origin)
    return bound
