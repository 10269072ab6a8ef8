"""One primitive to one node: fields, constraints and the output's type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from archc.blocks.primitives import FieldFault, Primitive
from archc.diagnostics import Label, Span
from archc.ir.ops import FUNCTIONS, Op, Violation
from archc.ir.types import TensorType
from archc.lower.env import Env, Evaluator, place
from archc.lower.frames import Flow
from archc.lower.references import reference_span
from archc.spec.model import Stage
from archc.spec.values import Bound, Unknown, Value

FORM_FAULTS = frozenset({"A0301", "A0309", "A0310"})
"""Violations of the input's form: after them nothing is known of the output."""

SIZE_FIELDS = frozenset({"kernel_size", "output_padding", "padding", "upscale_factor"})
"""Fields whose fault leaves nothing known of the output's sizes."""

SIZELESS = frozenset({"out_channels", "groups", "bias"})
"""Fields of convolutions that do not change the sizes."""

KEEPING = frozenset({"batch_norm", "dropout", "group_norm", "layer_norm", "scale", "stochastic_depth"})
"""Types that keep the shape whatever their fields, besides the functions of each element."""

Arguments = dict[str, tuple[Bound, Span]]
"""Each field's value, and the span of what gave it."""


class Primitives:
    """Builds ops from evaluated fields; shared by every list of one network."""

    def __init__(self, evaluator: Evaluator, rank: int) -> None:
        self.evaluator = evaluator
        self.rank = rank
        """Of the network's input: what a convolution is taken to get where its input is not known."""

    def build(
        self, primitive: Primitive, stage: Stage, arguments: Arguments, inputs: Sequence[Flow], env: Env, path: str
    ) -> tuple[Op | None, TensorType | None]:
        """The op and its output's type; what is not known after a mistake is None."""
        types = [flow.type for flow in inputs]
        if types == [None] and "out_channels" in arguments and self.rank:
            types = [TensorType(None, (None,) * self.rank)]
        known = [type_ for type_ in types if type_ is not None]
        broken = [name for name, (bound, _) in arguments.items() if isinstance(bound.value, Unknown)]
        values = {name: bound.value for name, (bound, _) in arguments.items()}
        if (
            broken
            and len(known) == len(types) == 1
            and "out_channels" in values
            and known[0].rank
            and SIZELESS.issuperset(broken)
        ):
            type_ = self.sizes_only(primitive, values, known[0], stage, arguments, inputs, env, path)
            if type_ is not None:
                return None, type_
        if broken or len(known) < len(types):
            return None, self.partial(primitive, known, arguments, broken)
        try:
            op = primitive.build(values, known[0])
        except FieldFault as fault:
            bound, span = arguments[fault.field]
            self.evaluator.fault(
                fault.code, fault.message, span, env, origin=bound.origin, label=fault.label, help=fault.help, path=path
            )
            return None, None
        violations = list(op.requires(*known))
        form = next((violation for violation in violations if violation.code in FORM_FAULTS), None)
        for violation in [form] if form else violations:
            self.violation(violation, stage, arguments, inputs, env, path)
        if form:
            return op, None
        type_ = op.infer(*known)
        if any(violation.field in SIZE_FIELDS for violation in violations):
            type_ = replace(type_, spatial=(None,) * type_.rank)
        return op, type_

    def sizes_only(
        self,
        primitive: Primitive,
        values: dict[str, Value],
        x: TensorType,
        stage: Stage,
        arguments: Arguments,
        inputs: Sequence[Flow],
        env: Env,
        path: str,
    ) -> TensorType | None:
        """The output's type where only fields are not known that leave its sizes alone; None where sizes are at fault too."""
        stand_ins: dict[str, Value] = {"out_channels": 1, "groups": 1, "bias": False}
        filled = {name: stand_ins[name] if isinstance(one, Unknown) else one for name, one in values.items()}
        try:
            op = primitive.build({**filled, "groups": 1}, x)
        except FieldFault:
            return None
        violations = [one for one in op.requires(x) if one.field in SIZE_FIELDS]
        for violation in violations:
            self.violation(violation, stage, arguments, inputs, env, path)
        if violations or x.layout != "channels_first":
            return None
        channels = values["out_channels"]
        return replace(op.infer(x), channels=channels if isinstance(channels, int) else None)

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
        if primitive.name in KEEPING or primitive.name in FUNCTIONS:
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
                span = reference_span(stage, found.input, len(inputs))
            labels = self.makers(found, inputs, env)
            origin = next((flow.absent for flow in (inputs[0], inputs[found.input]) if flow.absent is not None), None)
        notes = (*found.notes,) if found.notes else self.given(found, inputs)
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

    def given(self, found: Violation, inputs: Sequence[Flow]) -> tuple[str, ...]:
        """A note of what arrives, where that is known and told nowhere else."""
        type_ = inputs[0].type
        return (f"the input is {type_}",) if found.input is None and type_ is not None else ()

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
            labels += [
                Label(use.passed[flow.id], f"passed to `{use.block}` here")
                for use in env.uses
                if flow.id in use.passed and not use.passed[flow.id].file.shipped
            ]
        return tuple(dict.fromkeys(labels))
