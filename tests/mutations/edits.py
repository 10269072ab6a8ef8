"""Edits of a text, and the lines that a person would call guilty of the mistake which they make."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Edit:
    """Put `new` in place of `text[start:end]`; `guilty` are offsets in `new` on whose lines the mistake stands."""

    start: int
    end: int
    new: str
    guilty: tuple[int, ...] = ()


@dataclass(frozen=True)
class Fault:
    """One mistake: its edits, and offsets of the original text on whose lines it stands too."""

    operator: str
    codes: tuple[str, ...]
    """The codes that fit; empty where any diagnostic on the line does."""
    edits: tuple[Edit, ...]
    places: tuple[int, ...] = ()
    hides: tuple[str, ...] = field(default=())
    """Words for what nobody can know after it: faults of that kind elsewhere are not independent of it."""


@dataclass(frozen=True)
class Mutant:
    """A text with mistakes in it: each fault with its guilty lines, from 1."""

    source: str
    text: str
    faults: tuple[tuple[Fault, frozenset[int]], ...]


def apply(source: str, text: str, faults: Sequence[Fault]) -> Mutant | None:
    """The text with every fault in it, or None where edits meet or faults share a line."""
    edits = sorted((edit.start, edit.end, at, edit) for at, fault in enumerate(faults) for edit in fault.edits)
    if any(after[0] < before[1] for before, after in itertools.pairwise(edits)):
        return None
    pieces: list[str] = []
    shifts: list[tuple[int, int]] = [(0, 0)]
    lines: list[set[int]] = [set() for _ in faults]
    offsets: list[set[int]] = [set() for _ in faults]
    last = length = 0
    for start, end, at, edit in edits:
        pieces += [text[last:start], edit.new]
        length += start - last
        offsets[at] |= {length + guilty for guilty in edit.guilty}
        length += len(edit.new)
        shifts.append((end, length - end))
        last = end
    whole = "".join([*pieces, text[last:]])
    starts = [offset for offset, _ in shifts]
    for at, fault in enumerate(faults):
        for place in fault.places:
            offsets[at].add(place + shifts[bisect_right(starts, place) - 1][1])
        lines[at] = {whole.count("\n", 0, offset) + 1 for offset in offsets[at]}
    if any(lines[a] & lines[b] for a in range(len(lines)) for b in range(a)):
        return None
    return Mutant(source, whole, tuple((fault, frozenset(own)) for fault, own in zip(faults, lines, strict=True)))
