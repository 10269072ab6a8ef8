"""Putting the file together: imports, helpers, blocks, and the network last."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from archc.backends.python.classes import Class, Classes
from archc.backends.python.construct import Constructor, literal
from archc.backends.python.forward import Body
from archc.backends.python.helpers import HELPERS
from archc.backends.python.initialise import reset_lines
from archc.backends.python.layout import INDENT, Call, render
from archc.backends.python.names import LOCALS_TAKEN, field_name, free_name, is_identifier, variable
from archc.backends.python.naming import name_classes
from archc.backends.python.parameters import Parameter
from archc.backends.python.tree import Part, Step, build_tree, is_chain
from archc.backends.python.written import Required
from archc.ir import Graph, Output


def to_python(graph: Graph) -> str:
    """The network as a Python file that needs PyTorch and nothing else; the same graph gives the same bytes."""
    return _File(graph).text()


class _File:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.root = build_tree(graph)
        self.classes = Classes(graph, self.root)
        name_classes(self.classes, self.root)
        self.network = self.classes.of(self.root)
        outputs = (self.graph.live_outputs, self.graph.outputs)
        self.class_names = {*HELPERS, *(one.name for one in self.classes.all), *map(self._kind, outputs)}

    def text(self) -> str:
        blocks = [self._block(one) for one in self.classes.all if one is not self.network]
        network = [*self._outputs(), self._network()]
        body = "\n\n\n".join("\n".join(lines) for lines in [*blocks, *network])
        used = [text.rstrip("\n") for name, text in HELPERS.items() if _mentions(body, f"{name}(")]
        body = "\n\n\n".join([*used, body])
        header = [f'"""{self.network.name}: {self._shapes()}."""', "", *_imports(body)]
        return "\n".join(header) + "\n\n\n" + body + "\n"

    def _shapes(self) -> str:
        free = [
            axis.name if axis.free and is_identifier(axis.name) else str(axis.default) for axis in self.graph.input.axes
        ]
        entering = ", ".join(["N", str(self.graph.input.channels), *free])
        if any(axis.free for axis in self.graph.input.axes):
            return f"the network for inputs of shape ({entering})"
        leaving = " and ".join(str(self.graph.types[output.value]) for output in self.graph.live_outputs)
        return f"from ({entering}) to {leaving}"

    def _block(self, one: Class) -> list[str]:
        part = one.example
        lines = [
            f"class {one.name}({part.base}):",
            *_init(one.parameters),
            *Constructor(self.classes, one).lines(part, 2),
        ]
        lines += _getitem(part)
        names = _argument_names(part, self.class_names)
        arguments = list(zip(part.inputs, names, strict=True))
        body = Body(part, _live(part.steps, [part.output]), arguments, [part.output], taken=self.class_names)
        lines += ["", *_signature(names, "Tensor")]
        lines += body.write(0, len(body.steps), 2)
        return [*lines, *render(body.use(part.output).code, 2, "return ")]

    def _network(self) -> list[str]:
        part = self.root
        lines = [f"class {self.network.name}({part.base}):", *_init([])]
        lines += Constructor(self.classes, self.network).lines(part, 2)
        reset = reset_lines(self.graph, 2)
        if reset:
            method = (
                "reset_parameters" if all(c.name != "reset_parameters" for c in part.children) else "init_parameters"
            )
            lines += [f"{INDENT * 2}self.{method}()", "", f"{INDENT}def {method}(self) -> None:", *reset]
        lines += _getitem(part)
        plain = len(self.graph.outputs) == 1 and is_chain(part.inputs, part.output, part.children)
        if part.base == "nn.Sequential" and plain:
            return lines
        return [*lines, "", *self._network_forward()]

    def _network_forward(self) -> list[str]:
        live, every = self.graph.live_outputs, self.graph.outputs
        shared = _live(self.root.steps, [output.value for output in live])
        extra = [step for step in _live(self.root.steps, [output.value for output in every]) if step not in shared]
        trains = len(every) > len(live)
        results = [output.value for output in (*live, *every)] if trains else [output.value for output in live]
        preferred = dict(zip((out.value for out in every), _field_names(every), strict=True)) if len(every) > 1 else {}
        preferred = {value: variable(name) for value, name in preferred.items()}
        kinds = list(dict.fromkeys(self._kind(outputs) for outputs in (live, every)))
        body = Body(self.root, [*shared, *extra], [(0, "x")], results, preferred, self.class_names)
        lines = body.write(0, len(shared), 2)
        if trains:
            inner = body.write(len(shared), len(body.steps), 3)
            lines += [f"{INDENT * 2}if self.training:", *inner, *self._return(body, every, 3)]
        lines += self._return(body, live, 2)
        return [*_signature(["x"], " | ".join(kinds)), *lines]

    def _kind(self, outputs: Sequence[Output]) -> str:
        """What a forward with these outputs returns: a tensor, or a named tuple."""
        if len(outputs) == 1:
            return "Tensor"
        both = 1 < len(self.graph.live_outputs) < len(self.graph.outputs)
        training = both and len(outputs) == len(self.graph.outputs)
        return f"{self.network.name}{'TrainingOutputs' if training else 'Outputs'}"

    def _return(self, body: Body, outputs: Sequence[Output], depth: int) -> list[str]:
        texts = [body.use(output.value) for output in outputs]
        if len(texts) == 1:
            return render(texts[0].code, depth, "return ")
        fields = _field_names(outputs)
        items = [f"{name}={text.code}" for name, text in zip(fields, texts, strict=True)]
        return render(Call(f"{self._kind(outputs)}(", items), depth, "return ")

    def _outputs(self) -> list[list[str]]:
        """The named tuples that forward returns."""
        classes: dict[str, list[str]] = {}
        for outputs in (self.graph.live_outputs, self.graph.outputs):
            if len(outputs) > 1:
                name = self._kind(outputs)
                fields = [f"{INDENT}{field}: Tensor" for field in _field_names(outputs)]
                classes[name] = [f"class {name}(NamedTuple):", *fields]
        return list(classes.values())


def _live(steps: Sequence[Step], results: Sequence[int]) -> list[Step]:
    """The steps that `results` need; the modules of the others exist, as their weights do, but are not called."""
    needed, live = set(results), []
    for step in reversed(steps):
        if step.output in needed:
            live.append(step)
            needed.update(step.inputs)
    return live[::-1]


def _init(parameters: Sequence[Parameter]) -> list[str]:
    items = ["self"]
    for parameter in parameters:
        default = "" if isinstance(parameter.default, Required) else f" = {literal(parameter.default)}"
        items.append(f"{parameter.name}: {parameter.annotation}{default}")
    return render(Call("def __init__(", items, ") -> None:"), 1)


def _signature(names: Sequence[str], returns: str) -> list[str]:
    return render(Call("def forward(", ["self", *(f"{name}: Tensor" for name in names)], f") -> {returns}:"), 1)


def _argument_names(part: Part, taken: Collection[str]) -> list[str]:
    if len(part.inputs) == 1:
        return ["x"]
    names: list[str] = []
    for word in getattr(part.item, "input_names", ()):
        plain = word if is_identifier(word) and word not in LOCALS_TAKEN - {"x", "out"} else variable(word)
        names.append(free_name([plain], [*names, *taken]))
    return names


def _field_names(outputs: Sequence[Output]) -> list[str]:
    names: list[str] = []
    for output in outputs:
        names.append(free_name([field_name(output.name)], names))
    return names


def _getitem(part: Part) -> list[str]:
    """Indexing for a numbered list with gaps, where an expression stands between its modules."""
    modules = part.modules
    if part.base == "nn.Sequential" or not modules or not all(child.name.isdigit() for child in modules):
        return []
    lines = ["def __getitem__(self, index: int) -> nn.Module:", f"{INDENT}return self.get_submodule(str(index))"]
    return ["", *(INDENT + line for line in lines)]


def _imports(body: str) -> list[str]:
    first = ["from collections import OrderedDict"] if _mentions(body, "OrderedDict(") else []
    first += ["from typing import NamedTuple"] if "(NamedTuple)" in body else []
    second = ["import torch"] if _mentions(body, "torch.") else []
    second += ["import torch.nn.functional as F"] if _mentions(body, "F.") else []
    names = "Tensor, nn" if _mentions(body, "Tensor") else "nn"
    second.append(f"from torch import {names}")
    return [*first, *([""] if first else []), *second]


def _mentions(body: str, name: str) -> bool:
    """Whether `name` stands in `body` as a word of its own, not as an attribute or part of a longer word."""
    return re.search(rf"(?<![\w.]){re.escape(name)}", body) is not None
