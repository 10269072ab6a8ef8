"""Reading fields of a located tree: each mistake becomes a diagnostic, and reading goes on."""

from __future__ import annotations

import re
from collections.abc import Collection
from keyword import iskeyword
from typing import Final

from archc.diagnostics import Diagnostic, Label, Report, Span
from archc.diagnostics.fixes import respelt as respelling
from archc.diagnostics.fixes import retyped
from archc.diagnostics.model import Fix
from archc.ir.names import MODULE_ATTRIBUTES
from archc.source import Entry, Mapping, Scalar, Sequence, Tree
from archc.spec.params import meant, nearest, suggestion

NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}\Z")
MANY: Final = 16
"""Unknown keys of one mapping: more are no misspellings."""
NUMBER: Final = re.compile(r"[0-9]{1,9}\Z")


def what(tree: Tree) -> str:
    """The kind of a tree, in the words of messages."""
    if isinstance(tree, Mapping):
        return "a mapping"
    if isinstance(tree, Sequence):
        return "a list"
    if tree.value is None:
        return "empty"
    names = {bool: "a bool", int: "an int", float: "a float", str: "a string"}
    return names[type(tree.value)]


def misspelt(tree: Mapping, allowed: Collection[str]) -> dict[str, str]:
    """The unknown keys that can be taken for fields which are not given, with what they were meant to be."""
    found: dict[str, str] = {}
    unknown = [key for key in tree.entries if key not in allowed]
    for key in unknown if len(unknown) <= MANY else ():
        word = meant(key, allowed)
        if word and word not in tree.entries and word not in found.values():
            found[key] = word
    return found


def respelt(tree: Mapping, allowed: Collection[str]) -> Mapping:
    """`tree` with its likely misspellings under the names that were meant."""
    names = misspelt(tree, allowed)
    return Mapping({names.get(key, key): entry for key, entry in tree.entries.items()}, tree.span) if names else tree


def _renamed(text: str) -> str:
    """How to rename what cannot be a name: to the nearest text that can, if there is one."""
    word = re.sub(r"[^A-Za-z0-9_-]+", "_", text).strip("_-")
    word = f"_{word}" if word[:1].isdigit() else f"{word}_" if word == text else word
    return f"rename it, say `{word}`" if NAME.match(word) and word not in MODULE_ATTRIBUTES | {"input"} else "rename it"


def _as_stages(tree: Tree) -> str:
    """How to write the list of stages that stands as something else."""
    first = next(iter(tree.entries.items()), None) if isinstance(tree, Mapping) else None
    if first is None or not isinstance(first[1].value, Mapping):
        return "write one stage a line after `- `"
    return f"write a list: `- {{name: {first[0][:64]}, type: ...}}` for each stage"


class Reader:
    """Typed access to a tree, with a report to write mistakes to."""

    def __init__(self, report: Report) -> None:
        self.report = report

    def error(
        self,
        code: str,
        message: str,
        span: Span,
        label: str = "",
        help: str = "",
        labels: tuple[Label, ...] = (),
        fix: Fix | None = None,
    ) -> None:
        """Report one mistake."""
        fix = fix or respelling(span, help)
        self.report.add(Diagnostic(code, message, span, label, labels, help=str(help), fix=fix))

    def mapping(self, tree: Tree | None, name: str, help: str = "write `{key: value}`") -> Mapping | None:
        """A mapping, or None with a diagnostic."""
        if tree is None or isinstance(tree, Mapping):
            return tree
        self.error("A0103", f"`{name}` needs a mapping", tree.span, f"this is {what(tree)}", help)
        return None

    def sequence(self, tree: Tree | None, name: str) -> Sequence | None:
        """A list, or None with a diagnostic."""
        if tree is None or isinstance(tree, Sequence):
            return tree
        self.error(
            "A0103",
            f"`{name}` needs a list",
            tree.span,
            f"this is {what(tree)}",
            "write `[a, b]`, or one item a line after `- `" if name != "stages" else _as_stages(tree),
        )
        return None

    def string(self, tree: Tree | None, name: str) -> Scalar | None:
        """A string, or None with a diagnostic."""
        if tree is None or (isinstance(tree, Scalar) and tree.faulty):
            return None
        if isinstance(tree, Scalar) and isinstance(tree.value, str):
            return tree
        self.error(
            "A0103",
            f"`{name}` needs a string",
            tree.span,
            f"this is {what(tree)}",
            "write a word, quoted if it looks like a number",
        )
        return None

    def boolean(self, tree: Tree | None, name: str, default: bool = False) -> bool:
        """A bool; `default` with a diagnostic for anything else."""
        if tree is None or (isinstance(tree, Scalar) and tree.faulty):
            return default
        if isinstance(tree, Scalar) and isinstance(tree.value, bool):
            return tree.value
        self.error(
            "A0103",
            f"`{name}` needs a bool",
            tree.span,
            f"this is {what(tree)}",
            "write `true` or `false`, without quotes",
            fix=retyped(tree.span, "bool"),
        )
        return default

    def known_fields(self, tree: Mapping, allowed: Collection[str], owner: str) -> set[str]:
        """Report each key that is not allowed; the fields that are given, misspelt ones as what they were meant to be."""
        unknown = [key for key in tree.entries if key not in allowed]
        for key in unknown:
            self.unknown_field(tree.entries[key].key, allowed, owner, tree)
        return {*tree.entries, *(nearest(key, allowed) for key in unknown)}

    def fields(self, tree: Mapping, allowed: Collection[str], owner: str) -> tuple[Mapping, set[str]]:
        """`tree` with its likely misspellings under the names that were meant, and what `known_fields` gives."""
        return respelt(tree, allowed), self.known_fields(tree, allowed, owner)

    def unknown_field(self, key: Scalar, allowed: Collection[str], owner: str, tree: Mapping) -> None:
        """Report a key of `tree` that is not allowed."""
        self.error(
            "A0101",
            f"{owner} has no field `{key.value}`",
            key.span,
            "unknown field",
            "remove it: the batch is always free"
            if owner == "`input`" and key.value in ("batch", "batch_size", "n", "N")
            else suggestion(str(key.value), allowed, "the fields are" if allowed else "remove it", tree.beside(key)),
        )

    def name(self, scalar: Scalar, number: bool = False) -> str | None:
        """A name that a module can have (or, where `number`, a number), or None with a diagnostic."""
        return self.check_name(str(scalar.value), scalar.span, number)

    def check_name(self, text: str, span: Span, number: bool = False) -> str | None:
        """`text` if it is a legal name, else None with a diagnostic."""
        if number and NUMBER.match(text):
            return text
        if not NAME.match(text):
            why = (
                "it has more than 64 characters"
                if len(text) > 64
                else "a name is a letter or `_`, then letters, digits, `_` and `-`"
            )
            self.error("A0107", f"`{text[:80]}` cannot be a name", span, why, _renamed(text))
            return None
        if text in MODULE_ATTRIBUTES or text == "input" or text.startswith("__"):
            why = (
                "what enters a list is called so"
                if text == "input"
                else "torch.nn.Module has an attribute of that name"
            )
            self.error("A0107", f"`{text}` cannot be a name", span, why, _renamed(text))
            return None
        if iskeyword(text):
            self.error("A0107", f"`{text}` cannot be a name", span, "it is a keyword of Python", _renamed(text))
            return None
        return text

    def renames(self, tree: Mapping | None) -> dict[str, Entry]:
        """The new names of a typed block's children, by the old ones."""
        found = {}
        for key, entry in tree.entries.items() if tree else ():
            value = entry.value
            if (
                not isinstance(value, Scalar)
                or not isinstance(value.value, (str, int))
                or isinstance(value.value, bool)
            ):
                self.error("A0103", "a new name needs a word", value.span, f"this is {what(value)}", "write a name")
            elif self.check_name(str(value.value), value.span, number=True):
                found[key] = entry
        return found
