"""A spec's text with what each key and value in it is, found by PyYAML's own marks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import yaml

from .edits import Edit

ROLES = {"input": "input", "params": "params", "blocks": "blocks", "defaults": "defaults", "outputs": "outputs"}
ROLES |= {"expect": "expect", "budget": "budget", "aliases": "aliases", "init": "init", "train": "train"}


@dataclass(eq=False)
class Stages:
    """One list of stages, and where it stands: in the spec, in a block, in a group."""

    node: yaml.SequenceNode
    scope: str
    """The block that it belongs to; "" for the spec's own."""
    is_top: bool
    items: list[Mapping] = field(default_factory=list)

    def names(self) -> list[str]:
        """The names of its stages."""
        return [item.text("name") for item in self.items if item.text("name")]


@dataclass(eq=False)
class Mapping:
    """A mapping with a role: `spec`, `stage`, `input`, ..."""

    role: str
    node: yaml.MappingNode
    scope: str = ""
    label: str = ""
    """What it is of: the type of a stage or of a passed block, the name of a param, of a section."""
    list: Stages | None = None
    fields: dict[str, Field] = field(default_factory=dict)

    def text(self, key: str) -> str:
        """A scalar field's text, or ""."""
        found = self.fields.get(key)
        return found.value.value if found and isinstance(found.value, yaml.ScalarNode) else ""

    @property
    def place(self) -> int:
        """Where a person would point to mean all of it."""
        return self.node.start_mark.index


@dataclass(eq=False)
class Field:
    """A key and its value in a mapping with a role."""

    owner: Mapping
    at: int
    key: yaml.ScalarNode
    value: yaml.Node

    @property
    def name(self) -> str:
        """The key."""
        return self.key.value

    @property
    def place(self) -> int:
        """Where the key begins."""
        return self.key.start_mark.index


def end(node: yaml.Node) -> int:
    """Where a node's text ends; the mark of a block collection overruns to the next token."""
    if isinstance(node, yaml.ScalarNode) or node.flow_style or not node.value:
        return node.end_mark.index
    last = node.value[-1]
    return end(last[1] if isinstance(last, tuple) else last)


class Document:
    """A spec's text, its mappings and fields by role, its lists of stages."""

    def __init__(self, name: str, text: str) -> None:
        self.name, self.text = name, text
        self.mappings: list[Mapping] = []
        self.lists: list[Stages] = []
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        self.spec = self.mapping("spec", root)
        for key, one in self.spec.fields.items():
            if key == "stages":
                self.stages(one.value, "", True)
            elif key in ROLES:
                self.section(ROLES[key], one.value)

    @cached_property
    def fields(self) -> list[Field]:
        """Every field of every mapping with a role."""
        return [one for mapping in self.mappings for one in mapping.fields.values()]

    @property
    def is_variant(self) -> bool:
        """Whether the spec extends another."""
        return "extends" in self.spec.fields

    def mapping(
        self, role: str, node: yaml.Node, scope: str = "", label: str = "", list_: Stages | None = None
    ) -> Mapping:
        """Note a mapping and its fields."""
        assert isinstance(node, yaml.MappingNode)
        found = Mapping(role, node, scope, label, list_)
        for at, (key, value) in enumerate(node.value):
            found.fields[key.value] = Field(found, at, key, value)
        self.mappings.append(found)
        return found

    def section(self, role: str, node: yaml.Node) -> None:
        """A top-level section and what is in it."""
        if not isinstance(node, yaml.MappingNode):
            return
        found = self.mapping(role, node)
        inner = {"input": "axis", "params": "param", "defaults": "default", "outputs": "output", "init": "inits"}
        inner["train"] = "section"
        for key, one in found.fields.items():
            if role == "blocks":
                self.block(key, one.value)
            elif role in inner and isinstance(one.value, yaml.MappingNode):
                child = self.mapping(inner[role], one.value, label=key)
                for tensor, entry in child.fields.items() if role == "init" else ():
                    if isinstance(entry.value, yaml.MappingNode):
                        self.mapping("distribution", entry.value, label=f"{key}.{tensor}")

    def block(self, name: str, node: yaml.Node) -> None:
        """A definition under `blocks`."""
        found = self.mapping("block", node, name, name)
        for key, one in found.fields.items():
            if key == "stages":
                self.stages(one.value, name, False)
            elif key == "params":
                params = self.mapping("params", one.value, name)
                for param, entry in params.fields.items():
                    if isinstance(entry.value, yaml.MappingNode):
                        self.mapping("param", entry.value, name, param)

    def stages(self, node: yaml.Node, scope: str, is_top: bool) -> None:
        """A list of stages and the lists in it."""
        assert isinstance(node, yaml.SequenceNode)
        found = Stages(node, scope, is_top)
        self.lists.append(found)
        for item in node.value:
            stage = self.mapping("stage", item, scope, list_=found)
            stage.label = stage.text("type")
            found.items.append(stage)
            for key, one in stage.fields.items():
                if key == "stages":
                    self.stages(one.value, scope, False)
                elif key in ("act", "norm", "gate") and isinstance(one.value, yaml.MappingNode):
                    self.mapping("passed", one.value, scope, label=one.owner.label)

    def of(self, *roles: str) -> Iterator[Field]:
        """The fields of mappings with one of these roles."""
        return (one for one in self.fields if one.owner.role in roles)

    def source(self, node: yaml.Node) -> str:
        """A node's text as it is written."""
        return self.text[node.start_mark.index : end(node)]

    # -- edits ------------------------------------------------------------------------------------------------------

    def set_value(self, one: Field, new: str) -> Edit:
        """Another value in place of a field's."""
        start, stop = one.value.start_mark.index, end(one.value)
        if start == stop or "\n" in self.text[one.key.end_mark.index : start]:
            # a block collection below its key: the new value goes behind the colon
            return Edit(one.key.end_mark.index, stop, f": {new}", (0,))
        return Edit(start, stop, new, (0,))

    def set_key(self, one: Field, new: str) -> Edit:
        """Another key in place of a field's."""
        return Edit(one.key.start_mark.index, one.key.end_mark.index, new, (0,))

    def remove(self, one: Field) -> Edit | None:
        """Take a field out; None where it is the only one."""
        entries = one.owner.node.value
        if len(entries) == 1:
            return None
        if one.at + 1 < len(entries):
            return Edit(one.place, entries[one.at + 1][0].start_mark.index, "")
        return Edit(end(entries[one.at - 1][1]), end(one.value), "")

    def add(self, owner: Mapping, text: str) -> Edit:
        """Another field at the end of a mapping."""
        last = end(owner.node.value[-1][1])
        if owner.node.flow_style:
            return Edit(last, last, f", {text}", (2,))
        stop = self.text.find("\n", last)
        stop = len(self.text) if stop < 0 else stop
        indent = " " * owner.node.value[0][0].start_mark.column
        stop -= stop > 0 and self.text[stop - 1 : stop] == "\r"
        return Edit(stop, stop, f"\n{indent}{text}", (1,))
