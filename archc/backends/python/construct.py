"""The body of an `__init__`: the modules and raw parameters of a class, with their arguments."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import groupby
from math import isfinite

from archc.backends.python.classes import Class, Classes, Key
from archc.backends.python.layout import INDENT, Call, Code, render
from archc.backends.python.names import is_identifier, quoted
from archc.backends.python.tree import Part
from archc.backends.python.written import Arg, Value

RUN = 3
"""So many equal neighbours in a Sequential are written as a comprehension."""


def literal(value: Value) -> str:
    """A constant as a person writes it: 1e-6 for 1e-06."""
    if isinstance(value, float):
        if not isfinite(value):
            return f'float("{value}")'
        return re.sub(r"e([-+])0+(\d)", lambda m: f"e{'-' if m[1] == '-' else ''}{m[2]}", repr(value))
    return quoted(value) if isinstance(value, str) else repr(value)


class Constructor:
    """Writes the `__init__` body of one class."""

    def __init__(self, classes: Classes, one: Class) -> None:
        self.classes = classes
        self.texts = one.texts

    def lines(self, part: Part, depth: int) -> list[str]:
        """`super().__init__()`, and what the class holds."""
        if part.base == "nn.Sequential":
            items = [self._module(child, (child.name,)) for child in part.modules]
            lines = render(Call("super().__init__(", _runs(items)), depth)
        else:
            lines = [INDENT * depth + "super().__init__()"]
            for child in part.children:
                if child.is_module:
                    lines += self._assigned(child.name, self._module(child, (child.name,)), depth, "add_module")
                else:
                    lines += self._parameters([child], depth)
            return lines
        return lines + self._parameters(part.children, depth)

    def _parameters(self, parts: Sequence[Part], depth: int) -> list[str]:
        lines: list[str] = []
        for part in parts:
            if part.written is not None and part.written.kind == "parameter":
                lines += self._assigned(part.name, self._parameter(part), depth, "register_parameter")
        return lines

    def _assigned(self, name: str, code: Code, depth: int, register: str) -> list[str]:
        if is_identifier(name):
            return render(code, depth, f"self.{name} = ")
        return render(Call(f"self.{register}(", [quoted(name), code]), depth)

    def _module(self, part: Part, way: Key) -> Code:
        if part.form == "sequential":
            return self._sequential(part, way)
        callee = self.classes.of(part).name if part.form == "class" else part.written.callee if part.written else ""
        return Call(f"{callee}(", self._arguments(self.classes.arguments(part), way))

    def _arguments(self, args: Sequence[Arg], way: Key) -> list[Code]:
        given: list[Code] = []
        named = False
        for arg in args:
            text = self.texts.get((way, arg.name))
            if text is None and arg.omitted:
                named = True  # what follows an argument that was left out cannot stand by position
                continue
            named = named or arg.keyword
            value = literal(arg.value) if text is None else text
            given.append(f"{arg.name}={value}" if named else value)
        return given

    def _sequential(self, part: Part, way: Key) -> Call:
        named = [(child.name, self._module(child, (*way, child.name))) for child in part.children]
        if part.numbered or not named:
            return Call("nn.Sequential(", _runs([code for _, code in named]))
        if all(is_identifier(name) for name, _ in named):
            items: list[Code] = [_prefixed(f"{name}=", code) for name, code in named]
            return Call("nn.Sequential(", [Call("OrderedDict(", items)])
        pairs: list[Code] = [Call("(", [quoted(name), code]) for name, code in named]
        return Call("nn.Sequential(", [Call("OrderedDict(", [Call("[", pairs, "]")])])

    def _parameter(self, part: Part) -> Call:
        assert part.written is not None
        channels, init = (self.texts.get(((part.name,), arg.name), literal(arg.value)) for arg in part.written.args)
        shape = ", ".join([channels, *["1"] * int(part.written.callee)])
        if init == "1.0":
            return Call("nn.Parameter(", [f"torch.ones({shape})"])
        shape = f"({shape},)" if part.written.callee == "0" else f"({shape})"
        return Call("nn.Parameter(", [f"torch.full({shape}, {init})"])


def _runs(items: Sequence[Code]) -> list[Code]:
    """Equal neighbours as one comprehension, where they are many."""
    written: list[Code] = []
    text: Callable[[Code], str] = str
    for _, run in groupby(items, key=text):
        same = list(run)
        if len(same) < RUN:
            written += same
        else:
            written.append(Call("*[", [f"{same[0]} for _ in range({len(same)})"], "]"))
    return written


def _prefixed(before: str, code: Code) -> Code:
    return before + code if isinstance(code, str) else Call(before + code.head, code.items, code.tail)
