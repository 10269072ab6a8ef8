"""Which scopes share a class: those of equal structure. What differs between them becomes a parameter."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field

from archc.backends.python.parameters import Parameter, Slot, parametrise
from archc.backends.python.tree import Part
from archc.backends.python.written import Arg
from archc.ir import Graph

Key = tuple[str, ...]


@dataclass(slots=True, eq=False)
class Class:
    """A class to write: the scopes that are its instances, and its parameters.

    `texts` says what stands for an argument, by (way to the part, argument's name), where that is not a constant.
    """

    signature: int
    instances: list[Part]
    name: str = ""
    parameters: list[Parameter] = field(default_factory=list)
    texts: dict[tuple[Key, str], str] = field(default_factory=dict)

    @property
    def example(self) -> Part:
        """An instance, to read the structure from."""
        return self.instances[0]


class Classes:
    """All classes of a network, each before those that use it; the network's own comes last."""

    def __init__(self, graph: Graph, root: Part) -> None:
        self.graph = graph
        self._numbers: dict[Hashable, int] = {}
        self._signatures: dict[str, int] = {}
        self._arguments: dict[str, tuple[Arg, ...]] = {}
        found: dict[int, Class] = {}
        for part in _post_order(root):
            number = self._signature(part)
            if part.form == "class":
                found.setdefault(number, Class(number, [])).instances.append(part)
        self.all = list(found.values())
        for one in self.all:
            self._parametrise(one)

    def of(self, part: Part) -> Class:
        """The class that `part` is an instance of."""
        number = self._signatures[part.path]
        return next(one for one in self.all if one.signature == number)

    def arguments(self, part: Part) -> tuple[Arg, ...]:
        """What the constructor of `part` is called with."""
        if part.form == "class":
            return self._arguments[part.path]
        return part.written.args if part.written else ()

    def slots(self, part: Part, way: Key = ()) -> Iterator[Slot]:
        """Every argument written in the body of a class (or Sequential), in order."""
        for child in part.children:
            here = (*way, child.name)
            if child.form == "sequential":
                yield from self.slots(child, here)
            else:
                for arg in self.arguments(child):
                    yield Slot(here, arg)

    def _signature(self, part: Part) -> int:
        """A number that two parts share exactly if one class can serve both."""
        children = tuple((child.name, self._signatures[child.path]) for child in part.children)
        key: Hashable
        if part.written is not None:
            key = (part.written.kind, part.written.callee, tuple(arg.name for arg in part.written.args))
        elif part.form == "sequential":
            key = ("sequential", children)
        else:
            local: dict[int, int] = {}
            for value in part.inputs:
                local.setdefault(value, len(local))
            calls = []
            for step in part.steps:
                inputs = tuple(local.setdefault(value, len(local)) for value in step.inputs)
                way = tuple(part.name for part in step.way)
                calls.append((way, inputs, local.setdefault(step.output, len(local))))
            entry = tuple(local[value] for value in part.inputs)
            names = getattr(part.item, "input_names", ())
            key = ("class", part.type, names, entry, children, tuple(calls), local.get(part.output), not part.path)
        number = self._numbers.setdefault(key, len(self._numbers))
        self._signatures[part.path] = number
        return number

    def _parametrise(self, one: Class) -> None:
        rows = [list(self.slots(part)) for part in one.instances]
        ends = [(self._channels(part.inputs), self._channels((part.output,))) for part in one.instances]
        flat = not self.graph.types[one.example.output].rank
        one.parameters, one.texts = parametrise(rows, ends, flat)
        for index, part in enumerate(one.instances):
            self._arguments[part.path] = tuple(parameter.argument(index) for parameter in one.parameters)

    def _channels(self, values: tuple[int, ...]) -> int | None:
        return self.graph.types[values[0]].channels if len(values) == 1 else None


def _post_order(part: Part) -> Iterator[Part]:
    for child in part.children:
        yield from _post_order(child)
    yield part
