"""One primitive to one node: fields, constraints, the output's type, and the distributions of its tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from typing import Any

from archc.blocks.primitives import FieldFault, Primitive
from archc.diagnostics import Label, Span
from archc.ir.distributions import DISTRIBUTIONS, FAN_BASED, faults
from archc.ir.ops import Init, Op, TensorSpec, Violation
from archc.ir.types import TensorType
from archc.lower.env import Env, Evaluator, place
from archc.lower.frames import Flow, InitLayer
from archc.source import Mapping, Tree
from archc.spec.model import Stage
from archc.spec.params import suggestion
from archc.spec.values import Bound, Unknown, is_number

FORM_FAULTS = frozenset({"A0301", "A0309", "A0310"})
"""Violations of the input's form: after them nothing is known of the output."""

Arguments = dict[str, tuple[Bound, Span]]
"""Each field's value, and the span of what gave it."""


class Primitives:
    """Builds ops from evaluated fields; shared by every list of one network."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator

    def build(
        self, primitive: Primitive, stage: Stage, arguments: Arguments, inputs: Sequence[Flow], env: Env, path: str
    ) -> tuple[Op | None, TensorType | None]:
        """The op and its output's type; what is not known after a mistake is None."""
        types = [flow.type for flow in inputs]
        known = [type_ for type_ in types if type_ is not None]
        broken = [name for name, (bound, _) in arguments.items() if isinstance(bound.value, Unknown)]
        if broken or len(known) < len(types):
            return None, self.partial(primitive, known, arguments, broken)
        values = {name: bound.value for name, (bound, _) in arguments.items()}
        try:
            op = primitive.build(values, known[0])
        except FieldFault as fault:
            bound, span = arguments[fault.field]
            self.evaluator.fault(
                fault.code, fault.message, span, env, origin=bound.origin, label=fault.label, help=fault.help, path=path
            )
            return None, None
        violations = list(op.requires(*known))
        for violation in violations:
            self.violation(violation, stage, arguments, inputs, env, path)
        if any(violation.code in FORM_FAULTS for violation in violations):
            return op, None
        return op, op.infer(*known)

    def partial(
        self, primitive: Primitive, known: list[TensorType], arguments: Arguments, broken: list[str]
    ) -> TensorType | None:
        """What is known of the output although a field or an input is not: enough to go on checking channels."""
        if not known or primitive.merges or known[0].layout != "channels_first":
            return None
        x = known[0]
        if "out_channels" in arguments and x.rank:
            channels = arguments["out_channels"][0].value
            return TensorType(channels if isinstance(channels, int) else None, (None,) * x.rank)
        if primitive.name in ("max_pool", "avg_pool"):
            return replace(x, spatial=(None,) * x.rank)
        if primitive.name in ("batch_norm", "dropout", "stochastic_depth", "scale", "layer_norm", "group_norm"):
            return x
        if "out_features" in arguments and not x.rank:
            return TensorType(None)
        return None

    def violation(
        self, found: Violation, stage: Stage, arguments: Arguments, inputs: Sequence[Flow], env: Env, path: str
    ) -> None:
        """Report a constraint that does not hold, at the field or input that is guilty."""
        span, origin = stage.span, None
        labels: tuple[Label, ...] = ()
        if found.field in arguments:
            bound, span = arguments[found.field or ""]
            origin = bound.origin
        elif found.input is not None:
            if stage.from_:
                span = stage.from_[min(found.input, len(stage.from_) - 1)].span
            labels = self.makers(found, inputs, env)
            origin = next((flow.absent for flow in (inputs[0], inputs[found.input]) if flow.absent is not None), None)
        notes = (*found.notes,) if found.notes else (f"the input is {inputs[0].type}",) if found.input is None else ()
        self.evaluator.fault(
            found.code,
            found.message,
            span,
            env,
            origin=origin,
            label=found.label,
            help=found.help,
            path=path,
            notes=notes,
            labels=labels,
        )

    def makers(self, found: Violation, inputs: Sequence[Flow], env: Env) -> tuple[Label, ...]:
        """Labels at the stages that made the inputs which do not go together."""
        guilty = [inputs[0], inputs[found.input or 0]] if found.input else [inputs[0]]
        labels = []
        for flow in guilty:
            spot, _ = place(flow.span, replace(env, uses=()))
            if not spot.file.shipped and flow.type is not None and spot.file.text:
                labels.append(
                    Label(spot, f"`{flow.maker}` gives {flow.type}" if flow.maker else f"the input is {flow.type}")
                )
        return tuple(dict.fromkeys(labels))

    # -- init -------------------------------------------------------------------------------------------------------

    def inits(
        self, primitive: Primitive, op: Op, own: Mapping | None, layers: Sequence[InitLayer], env: Env, path: str
    ) -> tuple[tuple[str, Init], ...]:
        """The distributions that the spec sets for the op's tensors; the innermost wins."""
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
                    help=suggestion(key, names, "its tensors are") if names else "remove it",
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
        if isinstance(name, Unknown) or (name is None and not isinstance(tree, Mapping)):
            return None
        if not isinstance(name, str) or name not in DISTRIBUTIONS:
            shown = name if isinstance(name, str) else "this"
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
                    help=suggestion(key, DISTRIBUTIONS[name], "its constants are")
                    if DISTRIBUTIONS[name]
                    else "remove it",
                    path=path,
                )
                continue
            value = self.constant(name, key, entry.value, env, path)
            if value is not None:
                constants[key] = value
        for key, problem in faults(name, constants):
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
