"""Laying out long calls: one line where it fits, else one argument a line, as formatters do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 120
INDENT = "    "


@dataclass(frozen=True, slots=True)
class Call:
    """Something between brackets: `head` ends with the opening one, `tail` is the closing one."""

    head: str
    items: Sequence[Code]
    tail: str = ")"

    def __str__(self) -> str:
        return self.head + ", ".join(str(item) for item in self.items) + self.tail


Code = str | Call


def render(code: Code, depth: int, before: str = "", after: str = "") -> list[str]:
    """The lines of `before + code + after` at nesting `depth`."""
    pad = INDENT * depth
    line = f"{pad}{before}{code}{after}"
    if isinstance(code, str) or len(line) <= WIDTH or not code.items:
        return [line]
    lines = [f"{pad}{before}{code.head}"]
    flat = INDENT * (depth + 1) + ", ".join(str(item) for item in code.items)
    if all(isinstance(item, str) for item in code.items) and len(flat) <= WIDTH:
        return [*lines, flat, f"{pad}{code.tail}{after}"]
    comma = "," if len(code.items) > 1 else ""
    for item in code.items:
        lines += render(item, depth + 1, after=comma)
    return [*lines, f"{pad}{code.tail}{after}"]
