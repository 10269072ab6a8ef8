"""The table of operators: each finds every place of a document where it can make its mistake."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from random import Random

from .document import Document
from .edits import Edit, Fault

Places = Iterable[tuple[Edit | None, int | tuple[int, ...]]]
"""An edit, and further places whose lines are guilty."""
Find = Callable[[Document, Random], Iterator[tuple[tuple[Edit, ...], tuple[int, ...]]]]


@dataclass(frozen=True)
class Operator:
    """A kind of mistake."""

    name: str
    codes: tuple[str, ...]
    find: Find
    syntax: bool
    """Whether YAML itself refuses the text, so that nothing else in the file can be checked."""

    def faults(self, doc: Document, random: Random) -> list[Fault]:
        """Each mistake of this kind that can be put into the document."""
        return [Fault(self.name, self.codes, edits, places) for edits, places in self.find(doc, random)]


OPERATORS: dict[str, Operator] = {}


def operator(name: str, *codes: str, syntax: bool = False) -> Callable[[Callable[..., Iterator[object]]], object]:
    """Add a function to the table; it yields an edit or several, with places or alone."""

    def add(function: Callable[..., Iterator[object]]) -> object:
        def find(doc: Document, random: Random) -> Iterator[tuple[tuple[Edit, ...], tuple[int, ...]]]:
            for found in function(doc, random):
                edits, *places = found if isinstance(found, tuple) else (found,)
                if edits is not None:
                    yield (tuple(edits) if isinstance(edits, list) else (edits,)), tuple(places)  # type: ignore[misc]

        OPERATORS[name] = Operator(name, codes, find, syntax)
        return function

    return add
