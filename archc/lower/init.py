"""`init:`: the distributions that a spec sets for an op's tensors, and whether its types and tensors exist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from typing import Any

from archc.blocks.library import Library
from archc.blocks.primitives import Primitive
from archc.blocks.torch_names import type_help
from archc.diagnostics import Span
from archc.ir.distributions import DISTRIBUTIONS, FAN_BASED, faults, unreachable
from archc.ir.ops import Init, Op, TensorSpec
from archc.ir.types import TensorType
from archc.lower.env import Env, Evaluator
from archc.lower.frames import InitLayer
from archc.source import Mapping, Tree
from archc.spec.params import suggestion
from archc.spec.values import UNKNOWN, Bound, Unknown, describe, is_number

Inits = tuple[tuple[str, Init], ...]
"""Distributions by the names of tensors."""


class InitChecker:
    """Reads `init` sections; shared by every list of one network."""

    def __init__(self, evaluator: Evaluator, library: Library) -> None:
        self.evaluator = evaluator
        self.library = library
        self.checked: set[int] = set()
        self.known: dict[tuple[int, tuple[int, ...], int | None], tuple[Op, tuple[InitLayer, ...], Inits]] = {}
        """What the layers around an op set, by the ids of op and layers, which are kept with it."""

    def check_types(self, section: Mapping, env: Env) -> None:
        """Every key is a primitive with tensors, every field one of them, every distribution one that exists."""
        if id(section) in self.checked:
            return
        self.checked.add(id(section))
        for type_, entry in section.entries.items():
            found = self.library.find(type_)
            if found is None and self.library.is_open:
                continue
            if found is None:
                help = type_help(type_, self.library.names(), section.beside(entry.key))
                self.evaluator.fault(
                    "A0105", f"there is no type `{type_[:80]}`", entry.key.span, env, label="unknown type", help=help
                )
            elif not isinstance(found, Primitive) or not typical_op(found).tensors():
                why = "no tensors" if isinstance(found, Primitive) else "no tensors of its own, for it is a block"
                help = "name a primitive inside it, say `conv` or `linear`"
                self.evaluator.fault("A0104", f"`{type_}` has {why}", entry.key.span, env, help=help)
            elif not isinstance(entry.value, Mapping):
                help = "write `{TENSOR: DISTRIBUTION}`"
                self.evaluator.fault("A0103", f"`init` of `{type_}` needs a mapping", entry.value.span, env, help=help)
            else:
                self.check_tensors(found, entry.value, env)

    def check_needed(self, primitive: Primitive, own: Mapping | None, env: Env) -> None:
        """Report an empty `init` where there is nothing to draw; one with fields is reported field by field."""
        if own is not None and not own.entries and not typical_op(primitive).tensors():
            message = f"`{primitive.name}` has no tensors"
            self.evaluator.fault("A0101", message, own.span, env, label="nothing to draw", help="remove `init`")

    def check_tensors(self, primitive: Primitive, fields: Mapping, env: Env) -> None:
        """Every field is a tensor that the primitive can have."""
        op = typical_op(primitive)
        known = {tensor.name or "weight": tensor for tensor in op.tensors() if tensor.trainable}
        scope = replace(env, bounds={**env.bounds, **dict.fromkeys(_constants(op), Bound(UNKNOWN, None))}, index=0)
        for key, entry in fields.entries.items():
            if key in known:
                self.fits(self.distribution(entry.value, scope, ""), known[key], entry.value.span, scope, "")
            else:
                self.evaluator.fault(
                    "A0101",
                    f"{primitive.name} has no tensor `{key}`",
                    entry.key.span,
                    env,
                    label="unknown tensor",
                    help=suggestion(key, known, "its tensors are", fields.beside(entry.key)),
                )

    def of(
        self, primitive: Primitive, op: Op, own: Mapping | None, layers: Sequence[InitLayer], env: Env, path: str
    ) -> Inits:
        """The distributions that the spec sets for the op's tensors; the innermost wins."""
        if own:
            return self.read(primitive, op, own, layers, env, path)
        if not any(isinstance(layer.tree.get(primitive.name), Mapping) for layer in layers):
            return ()
        key = id(op), tuple([id(layer) for layer in layers]), env.index
        if key not in self.known:
            before = self.evaluator.report.given
            found = self.read(primitive, op, None, layers, env, path)
            if self.evaluator.report.given != before:
                return found
            self.known[key] = op, tuple(layers), found
        return self.known[key][2]

    def read(
        self, primitive: Primitive, op: Op, own: Mapping | None, layers: Sequence[InitLayer], env: Env, path: str
    ) -> Inits:
        """The same, read anew."""
        names = {tensor.name or "weight": tensor for tensor in op.tensors() if tensor.trainable}
        local = replace(env, bounds={**env.bounds, **_constants(op)})
        chosen: dict[str, Init] = {}
        for layer in layers:
            tree = layer.tree.get(primitive.name)
            scope = replace(layer.env, bounds={**layer.env.bounds, **_constants(op)}, index=env.index)
            if isinstance(tree, Mapping):
                for key, entry in tree.entries.items():
                    if key in names:
                        init = self.distribution(entry.value, scope, path)
                        init = self.fits(init, names[key], entry.value.span, scope, path)
                        chosen.update({key: init} if init else {})
        for key, entry in own.entries.items() if own else ():
            if key not in names:
                self.evaluator.fault(
                    "A0101",
                    f"{primitive.name} has no tensor `{key}` here",
                    entry.key.span,
                    env,
                    label="unknown tensor",
                    help=suggestion(key, names, "its tensors are", own.beside(entry.key) if own else ())
                    if names
                    else "remove it",
                    path=path,
                )
                continue
            init = self.fits(self.distribution(entry.value, local, path), names[key], entry.value.span, local, path)
            chosen.update({key: init} if init else {})
        return tuple(chosen.items())

    def distribution(self, tree: Tree, env: Env, path: str) -> Init | None:
        """`zeros`, or `{type: kaiming_normal, mode: fan_out}`; None for `none`, which sets nothing, and with a diagnostic for anything else."""
        type_ = tree.get("type") if isinstance(tree, Mapping) else tree
        span = type_.span if type_ is not None else tree.span
        name = self.evaluator.value(type_, env, path).value if type_ is not None else None
        if isinstance(name, Unknown) or (name in (None, "none") and not isinstance(tree, Mapping)):
            return None
        if not isinstance(name, str) or name not in DISTRIBUTIONS:
            if not isinstance(name, str):
                told = f"write `{{type: constant, value: {name}}}`" if is_number(name) else "write `zeros`, or another"
                self.evaluator.fault(
                    "A0103",
                    "a distribution is needed",
                    span,
                    env,
                    label=f"this is {describe(name)}",
                    help=told,
                    path=path,
                )
                return None
            shown = name
            self.evaluator.fault(
                "A0104",
                f"there is no distribution `{shown}`",
                span,
                env,
                label="unknown distribution",
                help=suggestion(str(shown), DISTRIBUTIONS, "the distributions are"),
                path=path,
            )
            return None
        constants: dict[str, float | str] = {}
        for key, entry in tree.entries.items() if isinstance(tree, Mapping) else ():
            if key == "type":
                continue
            if key not in DISTRIBUTIONS[name]:
                self.evaluator.fault(
                    "A0101",
                    f"{name} has no constant `{key}`",
                    entry.key.span,
                    env,
                    label="unknown constant",
                    help=suggestion(key, DISTRIBUTIONS[name], "its constants are", tree.beside(entry.key))  # type: ignore[union-attr]
                    if DISTRIBUTIONS[name]
                    else "remove it",
                    path=path,
                )
                continue
            value = self.constant(name, key, entry.value, env, path)
            if value is not None:
                constants[key] = value
        for key, problem in [*faults(name, constants)] or [*unreachable(name, constants)]:
            entry_at = tree.entries.get(key) if isinstance(tree, Mapping) else None
            self.evaluator.fault(
                "A0104",
                f"`{key}` of {name} is out of range",
                entry_at.value.span if entry_at else span,
                env,
                label=problem,
                help="use a constant that torch.nn.init takes",
                path=path,
            )
        return Init(name, constants)

    def fits(self, init: Init | None, tensor: TensorSpec, span: Span, env: Env, path: str) -> Init | None:
        """`init`, or None with a diagnostic where it counts fans and the tensor has none."""
        if init is None or init.type not in FAN_BASED or len(tensor.shape) >= 2:
            return init
        self.evaluator.fault(
            "A0104",
            f"{init.type} needs a tensor of two axes or more",
            span,
            env,
            label=f"`{tensor.name}` has {len(tensor.shape)}",
            help="use normal, uniform, constant, zeros or ones",
            path=path,
        )
        return None

    def constant(self, name: str, key: str, tree: Tree, env: Env, path: str) -> float | str | None:
        """A distribution's constant: a number, or a word where its default is one."""
        value = self.evaluator.value(tree, env, path).value
        if isinstance(value, Unknown):
            return None
        default = DISTRIBUTIONS[name][key]
        if isinstance(default, str) and isinstance(value, str):
            return value
        if not isinstance(default, str) and is_number(value):
            return float(value)
        wanted = "a word" if isinstance(default, str) else "a number"
        self.evaluator.fault("A0103", f"`{key}` needs {wanted}", tree.span, env, help=f"write {wanted}", path=path)
        return None


def _constants(op: Op) -> dict[str, Bound]:
    """An op's own numbers, for expressions in `init` such as `1 / sqrt(out_features)`."""
    values: dict[str, Any] = {field.name: getattr(op, field.name) for field in dataclass_fields(op)}
    return {name: Bound(value, None) for name, value in values.items() if isinstance(value, (int, float))}


def typical_op(primitive: Primitive) -> Op:
    """An op of the primitive with every tensor that it can have."""
    values = {param.name: 1 if param.required else param.default for param in primitive.params}
    values |= {param.name: True for param in primitive.params if param.kind == "bool"}
    values |= {name: 1 for name, value in values.items() if isinstance(value, str) and value.startswith("$")}
    return primitive.build(values, TensorType(1, (1, 1)))
