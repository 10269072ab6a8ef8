"""What comes before the stages: the spec's params with `--set`, and its input."""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import replace

from archc.diagnostics import Span
from archc.ir.graph import Axis, Input
from archc.limits import MAX_SIZE
from archc.lower.env import Env, Evaluator
from archc.source import Scalar, Sequence, Tree
from archc.spec.model import AxisSpec, InputSpec, Spec
from archc.spec.params import Param, Required, kind_of, suggestion
from archc.spec.values import UNKNOWN, Bound, describe

CHANNELS = Param("channels", "int", min=1)
ANY_SIZE = (None, -1, "*", "any", "None", "dynamic", "free", "?")
"""What other tools write for a size that is free."""
SIZE = Param("size", "int", min=1, max=MAX_SIZE)


def param_env(spec: Spec, overrides: Map[str, Tree], evaluator: Evaluator) -> Env:
    """The scope of the spec's own stages: each param's override or default, which may use the earlier ones."""
    bounds: dict[str, Bound] = {}
    env = Env(bounds, no_channels="outside the stages", is_open=spec.is_open)
    for name in overrides.keys() - {param.name for param in spec.params}:
        known = [param.name for param in spec.params]
        help = suggestion(name, known, "its params are" if known else "it has none")
        evaluator.fault(
            "A0206", f"the spec has no param `{name}`", overrides[name].span, env, label="unknown param", help=help
        )
    later = {param.name for param in spec.params}
    inner = replace(env, later=later)
    for param in spec.params:
        bounds[param.name] = param_value(param, overrides.get(param.name), inner, evaluator)
        later.discard(param.name)
    return env


def param_value(param: Param, override: Tree | None, env: Env, evaluator: Evaluator) -> Bound:
    """One param's value. A default that is an expression gives the kind that an override must have."""
    default = Bound(UNKNOWN, None)
    if not isinstance(param.default, Required):
        default = evaluator.param(param, param.default, env)  # type: ignore[arg-type]
    elif override is None and param.span is not None:
        evaluator.fault(
            "A0102",
            f"param `{param.name}` has no value",
            param.span,
            env,
            help=f"add a `default`, or pass `--set {param.name}=...`",
        )
    if override is None:
        return Bound(default.value, None, _untyped(param))
    if param.kind == "any" and default.value is not UNKNOWN:
        param = replace(param, kind=kind_of(default.value))
    return Bound(evaluator.param(param, override, env).value, None, override.span)


def _untyped(param: Param) -> Span | None:
    """Where a param's plain value stands if that alone gives its type."""
    default = param.default
    if param.is_typed or not isinstance(default, (Scalar, Sequence)):
        return None
    is_expression = isinstance(default, Scalar) and isinstance(default.value, str) and "$" in default.value
    return None if is_expression else default.span


def input_of(spec: InputSpec, env: Env, evaluator: Evaluator) -> Input | None:
    """The network's input, or None after a mistake."""
    features = "features" if not spec.axes else "channels"
    channels = evaluator.param(replace(CHANNELS, name=features), spec.channels, env).value
    axes = [axis_of(axis, env, evaluator) for axis in spec.axes]
    known = [axis for axis in axes if axis is not None]
    return Input(channels, tuple(known)) if isinstance(channels, int) and len(known) == len(axes) else None


def axis_of(axis: AxisSpec, env: Env, evaluator: Evaluator) -> Axis | None:
    """One spatial axis, its default within its own bounds."""
    found: dict[str, int] = {}
    for key, tree in axis.fields.items():
        if key in ("default", "min", "max", "multiple_of"):
            plain = tree.value if isinstance(tree, Scalar) else 0
            if not axis.free and plain in ANY_SIZE and not (isinstance(tree, Scalar) and tree.faulty):
                label, help = (
                    f"this is {describe(plain)}",
                    f"a free size is `{axis.name}: {{default: 224}}`, with bounds as `min`",
                )
                evaluator.fault("A0103", f"`{axis.name}` needs an int", tree.span, env, label=label, help=help)
                return None
            value = evaluator.param(replace(SIZE, name=axis.name if key == "default" else key), tree, env).value
            if isinstance(value, int):
                found[key] = value
            else:
                return None
    if "default" not in found:
        return None
    result = Axis(
        axis.name, found["default"], axis.free, found.get("min", 1), found.get("max"), found.get("multiple_of", 1)
    )
    problem = _contradiction(result)
    if problem:
        evaluator.fault(
            "A0104",
            f"the default of `{axis.name}` is not a size that it allows",
            axis.fields["default"].span,
            env,
            label=problem,
            help="change the default or the bounds",
        )
        return None
    return result


def _contradiction(axis: Axis) -> str:
    if axis.default < axis.min:
        return f"{axis.default} is below `min`, {axis.min}"
    if axis.max is not None and axis.default > axis.max:
        return f"{axis.default} is above `max`, {axis.max}"
    if axis.default % axis.multiple_of:
        return f"{axis.default} is not a multiple of {axis.multiple_of}"
    return ""
