"""The tree of modules behind a graph: which scope becomes a Sequential, which a class, and what each forward does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from archc.backends.python.names import SEQUENTIAL_ATTRIBUTES, hides_attribute, is_identifier
from archc.backends.python.written import Written, written
from archc.ir import Graph, Node, Scope
from archc.ir.in_place import in_place
from archc.ir.verify import GraphError

Form = Literal["leaf", "sequential", "class"]


@dataclass(slots=True, eq=False)
class Part:
    """A module (or an expression, or a raw parameter) in its place.

    `steps` are the calls that a class makes in its forward; a leaf and a Sequential have none.
    """

    path: str
    name: str
    item: Node | Scope | None
    form: Form
    inputs: tuple[int, ...]
    output: int
    written: Written | None = None
    children: list[Part] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    @property
    def type(self) -> str:
        """The word of the language that made it; "" for a group."""
        return "" if self.item is None else self.item.type

    @property
    def is_module(self) -> bool:
        """Whether it is an nn.Module, which an expression or a raw parameter is not."""
        return self.written is None or self.written.kind == "module"

    @property
    def modules(self) -> list[Part]:
        """The children that are modules."""
        return [child for child in self.children if child.is_module]

    @property
    def numbered(self) -> bool:
        """Whether its modules are called 0, 1, ... n-1, as in nn.Sequential."""
        names = [child.name for child in self.modules]
        return bool(names) and names == [str(number) for number in range(len(names))]

    @property
    def base(self) -> str:
        """The class to derive from: a numbered list is a Sequential, so that its parts can be indexed."""
        return "nn.Sequential" if self.numbered else "nn.Module"

    @property
    def indexed(self) -> bool:
        """Whether its children are reached by index."""
        return self.numbered if self.form == "sequential" else self.base == "nn.Sequential"


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One call in a forward. `way` leads from the class to the part: usually one, more through an opened scope."""

    way: tuple[Part, ...]
    inputs: tuple[int, ...]
    output: int

    @property
    def part(self) -> Part:
        """What is called."""
        return self.way[-1]


def build_tree(graph: Graph) -> Part:
    """The network as a tree of parts. Raises GraphError where a name cannot belong to a module."""
    return _Builder(graph).root()


def is_chain(inputs: tuple[int, ...], output: int, children: list[Part]) -> bool:
    """Whether each child is a module that takes what its predecessor gives."""
    if len(inputs) != 1:
        return False
    value = inputs[0]
    for child in children:
        if not child.is_module or child.inputs != (value,):
            return False
        value = child.output
    return value == output


class _Builder:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.leaking = _leaks(graph)
        self.in_place = in_place(graph)

    def root(self) -> Part:
        children = [self.part(item) for item in self.graph.children()]
        root = Part("", self.graph.name, None, "class", (0,), self.graph.live_outputs[0].value, children=children)
        root.steps = [step for child in children for step in self.steps(child)]
        return root

    def part(self, item: Node | Scope) -> Part:
        name = item.path.rpartition(".")[2]
        if hides_attribute(name):
            raise GraphError(f"{item.path}: {name} is an attribute of nn.Module")
        if isinstance(item, Node):
            types = tuple(self.graph.types[value] for value in item.inputs)
            form = written(item.op, types, item.path in self.in_place)
            return Part(item.path, name, item, "leaf", item.inputs, item.output, form)
        children = [self.part(child) for child in self.graph.children(item.path)]
        part = Part(item.path, name, item, "class", item.inputs, item.output, children=children)
        if is_chain(item.inputs, item.output, children) and not _deserves_class(item, children):
            part.form = "sequential"
        else:
            part.steps = [step for child in children for step in self.steps(child)]
        return part

    def steps(self, part: Part) -> Iterator[Step]:
        """The calls that run `part`: one, or those of its children where one of their values is needed outside."""
        if part.path in self.leaking:
            for child in part.children:
                for step in self.steps(child):
                    yield Step((part, *step.way), step.inputs, step.output)
        else:
            yield Step((part,), part.inputs, part.output)


def _deserves_class(scope: Scope, children: list[Part]) -> bool:
    names = [child.name for child in children]
    if SEQUENTIAL_ATTRIBUTES.intersection(names):
        return True
    return scope.kind == "block" and bool(names) and all(is_identifier(name) for name in names)


def _leaks(graph: Graph) -> frozenset[str]:
    """The scopes with a value inside, other than their output, that something outside uses (as `m.*` does)."""
    makers = {node.output: node.path for node in graph.nodes}
    users: list[tuple[str, int]] = [(node.path, value) for node in graph.nodes for value in node.inputs]
    users += [("", output.value) for output in graph.outputs]
    leaking: set[str] = set()
    for user, value in users:
        for scope in _ancestors(makers.get(value, "")):
            if not user.startswith(scope + ".") and graph.scope_at[scope].output != value:
                leaking.add(scope)
    return frozenset(leaking)


def _ancestors(path: str) -> Iterator[str]:
    path = path.rpartition(".")[0]
    while path:
        yield path
        path = path.rpartition(".")[0]
