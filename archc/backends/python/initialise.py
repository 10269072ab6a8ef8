"""The body of `reset_parameters`: the distributions that the spec sets, by class where a whole class agrees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from archc.backends.python.construct import literal
from archc.backends.python.layout import INDENT
from archc.backends.python.names import quoted
from archc.backends.python.written import written
from archc.ir import Graph, Node, ops

SAME_CLASS = {"ChannelLayerNorm": "nn.LayerNorm", "ChannelRMSNorm": "nn.RMSNorm"}
"""A helper and the class that isinstance takes it for."""

CONSTANTS = {
    "constant": (("value", None),),
    "normal": (("mean", 0.0), ("std", 1.0)),
    "trunc_normal": (("mean", 0.0), ("std", 1.0), ("a", -2.0), ("b", 2.0)),
    "xavier_uniform": (("gain", 1.0),),
    "xavier_normal": (("gain", 1.0),),
    "kaiming_uniform": (("a", 0.0), ("mode", "fan_in"), ("nonlinearity", "leaky_relu")),
    "kaiming_normal": (("a", 0.0), ("mode", "fan_in"), ("nonlinearity", "leaky_relu")),
}
"""The constants of each distribution, in torch.nn.init's order, with its defaults."""


@dataclass(frozen=True, slots=True)
class Draw:
    """One tensor and the distribution to draw it from; `rule` is None where the spec sets none."""

    node: Node
    family: str
    tensor: str
    rule: str | None


def reset_lines(graph: Graph, depth: int) -> list[str]:
    """The statements that draw what the spec sets; none if it sets nothing."""
    draws = list(_draws(graph))
    families: dict[str, dict[str, list[Draw]]] = {}
    for draw in draws:
        families.setdefault(draw.family, {}).setdefault(draw.tensor, []).append(draw)
    by_class: list[str] = []
    by_path: list[str] = []
    for family, tensors in families.items():
        common = {name: _common(found) for name, found in tensors.items() if family}
        body = [line for name, rule in common.items() for line in _for_all(graph, family, tensors[name], rule)]
        if body:
            word = "elif" if by_class else "if"
            by_class += [f"{word} isinstance(module, {family}):", *(INDENT + line for line in body)]
        apart = [draw for name, found in tensors.items() for draw in found if draw.rule != common.get(name)]
        by_path += [line for draw in apart if draw.rule is not None for line in _one(draw)]
    loop = ["for module in self.modules():", *(INDENT + line for line in by_class)] if by_class else []
    return [INDENT * depth + line for line in [*loop, *by_path]]


def _draws(graph: Graph) -> Iterator[Draw]:
    for node in graph.nodes:
        form = written(node.op, tuple(graph.types[value] for value in node.inputs))
        family = SAME_CLASS.get(form.callee, form.callee) if form.kind == "module" else ""
        chosen = dict(node.init)
        for tensor in node.op.tensors():
            if tensor.trainable:
                init = chosen.get(tensor.name or "weight")
                yield Draw(node, family, tensor.name, None if init is None else _rule(init, node.op))


def _rule(init: ops.Init, op: ops.Op) -> str:
    """The statements, with `{}` for the tensor and `@` for the module."""
    values = dict(init.constants)
    if init.type == "uniform":
        if "bound" in values:
            bound = _bound(float(values["bound"]), op)
            if bound[-1].isdigit() and "**" not in bound:
                return f"nn.init.uniform_({{}}, -{bound}, {bound})"
            return f"bound = {bound}\nnn.init.uniform_({{}}, -bound, bound)"
        return f"nn.init.uniform_({{}}, {literal(values.get('low', 0.0))}, {literal(values.get('high', 1.0))})"
    given = []
    for name, default in CONSTANTS.get(init.type, ()):
        value = values.get(name, default)
        if default is None:
            given.append(literal(value))
        elif value != default:
            given.append(f"{name}={literal(value)}")
    return f"nn.init.{init.type}_({', '.join(['{}', *given])})"


def _bound(bound: float, op: ops.Op) -> str:
    """A bound as it was meant: `@.out_features**-0.5` rather than 0.0316."""
    if isinstance(op, ops.Linear):
        for name, size in (("out_features", op.out_features), ("in_features", op.in_features)):
            if size and bound == size**-0.5:
                return f"@.{name}**-0.5"
    fans = (prod(tensor.shape[1:]) for tensor in op.tensors() if len(tensor.shape) > 1)
    return next((f"{fan}**-0.5" for fan in fans if fan and bound == fan**-0.5), literal(bound))


def _common(found: list[Draw]) -> str | None:
    """The distribution of most of a class's tensors; None where one of them keeps PyTorch's own."""
    (rule, count), *_ = Counter(draw.rule for draw in found).most_common()
    return rule if 2 * count > len(found) and all(draw.rule is not None for draw in found) else None


def _for_all(graph: Graph, family: str, found: list[Draw], rule: str | None) -> Iterator[str]:
    if rule is None:
        return
    tensor = found[0].tensor
    lines = rule.format(f"module.{tensor}").replace("@", "module").splitlines()
    members = sum(1 for node in graph.nodes if _family(graph, node) == family)
    if len(found) < members:
        yield f"if module.{tensor} is not None:"
        yield from (INDENT + line for line in lines)
    else:
        yield from lines


def _family(graph: Graph, node: Node) -> str:
    form = written(node.op, tuple(graph.types[value] for value in node.inputs))
    return SAME_CLASS.get(form.callee, form.callee) if form.kind == "module" else ""


def _one(draw: Draw) -> list[str]:
    assert draw.rule is not None
    if not draw.tensor:
        return draw.rule.format(f"self.get_parameter({quoted(draw.node.path)})").splitlines()
    module = f"self.get_submodule({quoted(draw.node.path)})"
    return draw.rule.format(f"{module}.{draw.tensor}").replace("@", module).splitlines()
