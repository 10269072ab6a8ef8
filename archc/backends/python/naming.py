"""Names of the classes: the block's type in CamelCase, variants of one block told apart by what they hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

from archc.backends.python.classes import Class, Classes
from archc.backends.python.helpers import HELPERS
from archc.backends.python.names import IMPORTED, camel, free_name
from archc.backends.python.tree import Part

TAKEN = frozenset(IMPORTED) | set(HELPERS) | {"Ellipsis", "NotImplemented", "Exception", "Warning"}


def name_classes(classes: Classes, root: Part) -> None:
    """Give every class its name; the network's own comes first, so that no block takes it."""
    network = classes.of(root)
    network.name = free_name([camel(root.name), f"{camel(root.name)}Net"], TAKEN)
    taken = {*TAKEN, network.name, f"{network.name}Outputs", f"{network.name}TrainingOutputs"}
    parents = {child.path: part for part in _walk(root) for child in part.children}
    variants: dict[str, list[Class]] = {}
    for one in classes.all:
        if one is not network:
            variants.setdefault(_base_name(one, parents), []).append(one)
    for base, members in variants.items():
        base = free_name([base, f"{base}Block"], taken)
        for one, name in zip(members, _told_apart(base, members, taken), strict=True):
            one.name = name
            taken.add(name)


def _walk(part: Part) -> Iterator[Part]:
    yield part
    for child in part.children:
        yield from _walk(child)


def _base_name(one: Class, parents: dict[str, Part]) -> str:
    if one.example.type:
        many = getattr(one.example.item, "kind", "") == "repeat"
        return camel(one.example.type, "Block") + ("Stack" if many else "")
    words = [part.name.rstrip("0123456789") for part in one.instances]
    if words[0] and len(one.instances) > 1:
        return camel(words[0], "Group")
    part, suffix = one.example, ""
    while part.name.isdigit() and part.path in parents:
        part, suffix = parents[part.path], "Group"
    return camel(part.name, "Group") + suffix


def _told_apart(base: str, members: Sequence[Class], taken: Iterable[str]) -> list[str]:
    """`base` for the variant with the least in it, and `base` with what sets it apart for the others.

    A part that `base` itself names is expected: ConvNormAct without its act is ConvNorm.
    """
    words = [list(dict.fromkeys(_words(one.example))) for one in members]
    sizes = [sum(1 for _ in _words(one.example)) for one in members]
    every = dict.fromkeys(word for found in words for word in found)
    promised = [word for word in every if word != base and _named_in(base, word) is not None]
    by_size = sorted(range(len(members)), key=lambda index: (len(words[index]), sizes[index], index))
    names: dict[int, str] = {}
    for index in by_size:
        stem = base
        for word in promised:
            found = None if word in words[index] else _named_in(stem, word)
            stem = stem if found is None else stem[: found.start()] + stem[found.end() :]
        others = [set(words[other]) for other in range(len(members)) if other != index]
        own = [word for word in words[index] if word not in promised and not all(word in other for other in others)]
        longer = [f"{stem}Long"] if sizes[index] > min(sizes) else []
        options = [stem, *(f"{stem}{''.join(chosen)}" for chosen in _choices(own, others)), *longer, stem]
        names[index] = free_name(options, {*taken, *names.values()})
    return [names[index] for index in range(len(members))]


def _named_in(name: str, word: str) -> re.Match[str] | None:
    """Where `name` has a whole word of CamelCase: ConvNormAct has Act, S11Group has no S1."""
    return re.search(rf"{word}(?![a-z0-9])", name)


def _choices(own: Sequence[str], others: Sequence[set[str]]) -> Iterator[tuple[str, ...]]:
    """The fewest words that no other variant has all of; then what comes closest."""
    for count in (1, 2, 3):
        for chosen in combinations(own[:12], count):
            if not any(set(chosen) <= other for other in others):
                yield chosen
    for word in own[:12]:
        yield (word,)


def _words(part: Part) -> Iterator[str]:
    for child in part.children:
        if not child.name.isdigit():
            yield camel(child.name, "")
        if child.written is not None and child.written.kind == "module":
            yield camel(child.written.callee.removeprefix("nn."))
        elif child.type:
            yield camel(child.type, "")
        yield from _words(child)
