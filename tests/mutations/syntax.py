"""Layout and punctuation: indentation, tabs, brackets, quotes, commas, colons, and what YAML has beyond a spec."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import yaml

from .document import Document, Field, end
from .edits import Edit
from .operators import operator


def walk(node: yaml.Node) -> Iterator[yaml.Node]:
    """A node and all below it."""
    yield node
    for item in node.value if isinstance(node, yaml.CollectionNode) else ():
        for part in item if isinstance(item, tuple) else (item,):
            yield from walk(part)


def root(doc: Document) -> yaml.Node:
    return doc.spec.node


def block_lines(doc: Document) -> Iterator[tuple[int, Field]]:
    """The start of each line that begins with a key of a block mapping, not the mapping's first."""
    for one in doc.fields:
        start = doc.text.rfind("\n", 0, one.place) + 1
        if not one.owner.node.flow_style and one.at and not doc.text[start : one.place].strip():
            yield start, one


@operator("indented too far", "A0004", syntax=True)
def indented(doc: Document, random: Random) -> Iterator[object]:
    for start, one in block_lines(doc):
        before = one.owner.node.value[one.at - 1][1]
        block_scalar = isinstance(before, yaml.ScalarNode) and before.style in ("|", ">")
        if not block_scalar and (before.flow_style if isinstance(before, yaml.CollectionNode) else True):
            yield Edit(start, start, " ", (0,)), one.place


@operator("indented too little", "A0004", syntax=True)
def dedented(doc: Document, random: Random) -> Iterator[object]:
    for start, one in block_lines(doc):
        if doc.text[start : start + 2] == "  ":
            yield Edit(start, start + 1, "", (0,)), one.place


@operator("tab", "A0004", syntax=True)
def tab(doc: Document, random: Random) -> Iterator[object]:
    for start, one in block_lines(doc):
        yield Edit(start, one.place, "\t", (0,)), one.place


@operator("no-break space", "A0004", "A0101", syntax=True)
def no_break_space(doc: Document, random: Random) -> Iterator[object]:
    for start, one in block_lines(doc):
        if one.place > start:
            yield Edit(start, one.place, "\u00a0" * (one.place - start), (0,)), one.place


@operator("bracket not closed", "A0004", syntax=True)
def unclosed(doc: Document, random: Random) -> Iterator[object]:
    for node in walk(root(doc)):
        if isinstance(node, yaml.CollectionNode) and node.flow_style:
            last = node.end_mark.index
            yield Edit(last - 1, last, ""), last - 2, node.start_mark.index


@operator("bracket not opened", "A0004", "A0101", "A0103", syntax=True)
def unopened(doc: Document, random: Random) -> Iterator[object]:
    for node in walk(root(doc)):
        if isinstance(node, yaml.CollectionNode) and node.flow_style and node.value and node is not root(doc):
            start = node.start_mark.index
            yield Edit(start, start + 1, "", (0,)), node.end_mark.index - 1


@operator("bracket of the other kind", "A0004", syntax=True)
def other_bracket(doc: Document, random: Random) -> Iterator[object]:
    for node in walk(root(doc)):
        if isinstance(node, yaml.CollectionNode) and node.flow_style and node.value:
            last = node.end_mark.index
            yield Edit(last - 1, last, "]" if isinstance(node, yaml.MappingNode) else "}", (0,)), node.start_mark.index


@operator("quote removed", "A0004", "A0007", syntax=True)
def unquote(doc: Document, random: Random) -> Iterator[object]:
    for node in walk(root(doc)):
        if isinstance(node, yaml.ScalarNode) and node.style == '"' and node.value.startswith("${"):
            last = node.end_mark.index
            yield Edit(last - 1, last, ""), node.start_mark.index


@operator("comma removed", "A0004", "A0101", "A0103", syntax=True)
def no_comma(doc: Document, random: Random) -> Iterator[object]:
    for one in doc.fields:
        nodes = one.owner.node.value
        if one.owner.node.flow_style and one.at + 1 < len(nodes):
            start = end(one.value)
            if doc.text[start : start + 1] == ",":
                yield Edit(start, start + 1, ""), start - 1, nodes[one.at + 1][0].start_mark.index


@operator("colon removed", "A0004", "A0101", "A0103", syntax=True)
def no_colon(doc: Document, random: Random) -> Iterator[object]:
    for one in doc.of("stage", "spec", "input", "train"):
        start = one.key.end_mark.index
        if doc.text[start] == ":" and isinstance(one.value, yaml.ScalarNode):
            yield Edit(start, start + 1, ""), one.place


@operator("no space behind the colon", "A0004", "A0101", "A0103", syntax=True)
def no_space(doc: Document, random: Random) -> Iterator[object]:
    for one in doc.of("stage", "spec", "input", "train"):
        start = one.key.end_mark.index
        plain = isinstance(one.value, yaml.ScalarNode) and one.value.style is None and one.key.style is None
        if doc.text[start : start + 2] == ": " and plain:
            yield Edit(start + 1, start + 2, ""), one.place


@operator("equals for a colon", "A0004", "A0101", "A0103", syntax=True)
def equals(doc: Document, random: Random) -> Iterator[object]:
    for one in doc.of("stage", "input", "train"):
        start = one.key.end_mark.index
        if doc.text[start : start + 2] == ": " and isinstance(one.value, yaml.ScalarNode) and one.value.style is None:
            yield Edit(start, start + 2, random.choice(["=", " = "])), one.place


@operator("stray text", "A0004", "A0101", syntax=True)
def stray(doc: Document, random: Random) -> Iterator[object]:
    for start, _ in block_lines(doc):
        yield Edit(start, start, random.choice(["}", "]", "<<<<<<< HEAD", "@todo", "`", "oops"]) + "\n", (0,))


@operator("feature that specs refuse", "A0006", "A0004", syntax=True)
def refused(doc: Document, random: Random) -> Iterator[object]:
    features = (
        "!!python/object/apply:os.system [ls]",
        "!!int 3",
        "*nowhere",
        "!include base.yaml",
        "&a *a",
        "!!binary aGk=",
    )
    for one in doc.of("stage", "train", "input"):
        if isinstance(one.value, yaml.ScalarNode):
            yield doc.set_value(one, random.choice(features)), one.place


@operator("merge key", "A0006", syntax=True)
def merge_key(doc: Document, random: Random) -> Iterator[object]:
    for m in doc.mappings:
        if m.role in ("stage", "train", "params", "input"):
            yield doc.add(m, "<<: {a: 1}")


@operator("second document", "A0006", syntax=True)
def second_document(doc: Document, random: Random) -> Iterator[object]:
    if not doc.spec.node.flow_style:
        for one in doc.of("spec"):
            if one.at:
                yield Edit(one.place, one.place, "---\n", (0,))


@operator("curly quotes", syntax=True)
def curly(doc: Document, random: Random) -> Iterator[object]:
    for node in walk(root(doc)):
        if isinstance(node, yaml.ScalarNode) and node.style == '"' and node.value.startswith("${"):
            start, last = node.start_mark.index, node.end_mark.index
            yield Edit(start, last, f"\u201c{node.value}\u201d", (0,)), start


@operator("look-alike letter", "A0101", "A0105")
def look_alike(doc: Document, random: Random) -> Iterator[object]:
    for one in doc.of("stage", "spec", "train", "input"):
        for plain, other in (("e", "\u0435"), ("o", "\u043e"), ("a", "\u0430")):
            if plain in one.name:
                yield doc.set_key(one, one.name.replace(plain, other, 1))
                break
