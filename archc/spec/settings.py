"""`--set train.epochs=3`: settings by a dotted path into `train:`, laid over the tree before it is read."""

from __future__ import annotations

from collections.abc import Mapping as Map
from typing import Final

from archc.source import Entry, Mapping, Scalar, Tree
from archc.spec.merge import merge_trees
from archc.spec.train import WORDS

PREFIX: Final = "train."


def split_settings(overrides: Map[str, Tree]) -> tuple[dict[str, Tree], dict[str, Tree]]:
    """The overrides of params, and those of `train:`."""
    train = {name: tree for name, tree in overrides.items() if name.startswith(PREFIX)}
    return {name: tree for name, tree in overrides.items() if name not in train}, train


def with_settings(tree: Mapping, settings: Map[str, Tree]) -> Mapping:
    """`tree` with each setting in its place. A word that stands for a section (`loss: mse`) becomes its `type` first."""
    for path, value in settings.items():
        tree = _laid(tree, path.split("."), value)
    return tree


def _laid(tree: Mapping, keys: list[str], value: Tree) -> Mapping:
    key, rest = keys[0], keys[1:]
    old = tree.entries.get(key)
    before = old.value if old is not None else Mapping({}, value.span)
    if rest and isinstance(before, Scalar) and key in WORDS:
        before = Mapping({"type": Entry(Scalar("type", before.span, None), before)}, before.span)
    if rest:
        inner = before if isinstance(before, Mapping) else Mapping({}, value.span)
        if not inner.entries and key in WORDS and rest != ["type"]:
            word = Scalar(WORDS[key], value.span, None)
            inner = Mapping({"type": Entry(Scalar("type", value.span, None), word)}, value.span)
        new: Tree = _laid(inner, rest, value)
    else:
        new = merge_trees(before, value) if old is not None else value
    name = old.key if old is not None else Scalar(key, value.span, None)
    return Mapping({**tree.entries, key: Entry(name, new)}, tree.span)
