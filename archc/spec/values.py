"""Values of the language, and what is unknown after a mistake."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeGuard

from archc.diagnostics import Span


class Unknown:
    """The type of UNKNOWN: a value that an earlier mistake hides, and that silences what depends on it."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True, slots=True)
class BlockRef:
    """A block passed as a parameter: its type, and fields that its uses get."""

    type: str
    span: Span
    fields: Mapping[str, Bound]
    keys: Mapping[str, Span] = field(default_factory=dict)
    """Where the names of the fields stand."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BlockRef) and self.type == other.type and self.values() == other.values()

    def __hash__(self) -> int:
        return hash(self.type)

    def values(self) -> dict[str, Value]:
        """The fields without their origins."""
        return {name: bound.value for name, bound in self.fields.items()}


Value = bool | int | float | str | None | tuple["Value", ...] | BlockRef | Unknown


@dataclass(frozen=True, slots=True)
class Bound:
    """A value and the place to blame for it: the argument at the outermost use, or None for a default."""

    value: Value
    origin: Span | None
    declared: Span | None = None
    """Where a param of the spec says it without a type of its own: to blame where its kind is not the one needed."""


def is_number(value: Value) -> TypeGuard[int | float]:
    """Whether `value` is an int or a float; a bool is not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def describe(value: Value) -> str:
    """The kind of a value, in the words of messages."""
    if isinstance(value, bool):
        return f"a bool (`{str(value).lower()}`)"
    if isinstance(value, int):
        return f"an int (`{value}`)"
    if isinstance(value, float):
        return f"a float (`{value}`)"
    if isinstance(value, str):
        return f"a string (`{value}`)"
    if isinstance(value, tuple):
        return f"a list of {len(value)}"
    if isinstance(value, BlockRef):
        return f"a block (`{value.type}`)"
    return "none"
