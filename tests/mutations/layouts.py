"""The same spec in other layouts: all block style, flow style on one line or on many, quoted as JSON, with CRLF."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import yaml

INDENT = "  "
_PLAIN = re.compile(r"(?:null|true|false|~|[-+]?[0-9.][0-9.eE+-]*)\Z")


def scalar(node: yaml.ScalarNode, flow: bool = True, quote: bool = False) -> str:
    """A scalar as text; quoted where the layout wants it or the place needs it."""
    value: str = node.value
    plain = node.style is None
    if plain and _PLAIN.match(value):
        return value
    needs = any(c in value for c in "{}[],") or ": " in value or " #" in value if flow else False
    if not plain or needs or quote:
        return json.dumps(value, ensure_ascii=False)
    return value


def one_line(node: yaml.Node, quote: bool = False) -> str:
    """A node in flow style on one line."""
    if isinstance(node, yaml.ScalarNode):
        return scalar(node, quote=quote)
    if isinstance(node, yaml.SequenceNode):
        return "[" + ", ".join(one_line(item, quote) for item in node.value) + "]"
    return "{" + ", ".join(f"{scalar(key, quote=quote)}: {one_line(one, quote)}" for key, one in node.value) + "}"


def block(node: yaml.Node, level: int = 0) -> str:
    """A node in block style throughout, on lines of its own; lists of scalars stay on one line."""
    pad = INDENT * level
    if isinstance(node, yaml.SequenceNode):
        return "".join(f"{pad}- {_inner(item, level + 1).lstrip()}" for item in node.value)
    return "".join(f"{pad}{scalar(key, flow=False)}:{_after(one, level)}" for key, one in node.value)


def _inner(node: yaml.Node, level: int) -> str:
    return block(node, level) if isinstance(node, yaml.MappingNode) and node.value else one_line(node) + "\n"


def _after(node: yaml.Node, level: int) -> str:
    if isinstance(node, yaml.ScalarNode):
        return f" {scalar(node, flow=False)}\n"
    is_list = isinstance(node, yaml.SequenceNode)
    if not node.value or (is_list and not any(isinstance(item, yaml.MappingNode) for item in node.value)):
        return f" {one_line(node)}\n"
    return "\n" + block(node, level + 1)


def rows(node: yaml.Node) -> str:
    """Sections in block style, each stage and each entry of a section on one line."""
    out = []
    for key, one in node.value:
        if isinstance(one, yaml.ScalarNode):
            out.append(f"{key.value}: {scalar(one, flow=False)}\n")
        elif isinstance(one, yaml.SequenceNode) and key.value == "stages":
            out.append(f"{key.value}:\n" + "".join(f"- {one_line(item)}\n" for item in one.value))
        else:
            out.append(f"{key.value}: {one_line(one)}\n")
    return "".join(out)


def broken_lines(node: yaml.Node, level: int = 0, quote: bool = False) -> str:
    """Flow style with every entry of a mapping on a line of its own."""
    pad, close = INDENT * (level + 1), INDENT * level
    if isinstance(node, yaml.ScalarNode) or not node.value:
        return one_line(node, quote)
    if isinstance(node, yaml.SequenceNode):
        if not any(isinstance(item, yaml.MappingNode) for item in node.value):
            return one_line(node, quote)
        inner = ",\n".join(pad + broken_lines(item, level + 1, quote) for item in node.value)
        return f"[\n{inner}\n{close}]"
    inner = ",\n".join(
        f"{pad}{scalar(key, quote=quote)}: {broken_lines(one, level + 1, quote)}" for key, one in node.value
    )
    return f"{{\n{inner}\n{close}}}"


def windows(node: yaml.Node) -> str:
    """Block style with comments, empty lines and CRLF."""
    lines = block(node).splitlines()
    out = ["# a comment", ""]
    for at, line in enumerate(lines):
        out.append(f"{line}  # {at}" if at % 3 == 0 else line)
        if at % 5 == 0:
            out.append("")
    return "\r\n".join([*out, ""])


LAYOUTS: dict[str, Callable[[yaml.Node], str]] = {
    "block": block,
    "rows": rows,
    "lines": lambda node: broken_lines(node) + "\n",
    "json": lambda node: broken_lines(node, quote=True) + "\n",
    "crlf": windows,
}
