"""Applies the fixes that are certain to the text of a spec, and keeps only what turns out to be one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from archc.api import Spec
from archc.diagnostics import Diagnostic, SourceFile
from archc.diagnostics.fixes import apply, lines_of

ROUNDS: Final = 50
"""A text that cannot be read as YAML shows one mistake at a time, so that it takes as many rounds."""
MAX_READ: Final = 2**21
"""How many bytes are read in all rounds together, so that a large file does not take for ever."""
SYNTAX: Final = "A00"
"""How the codes of mistakes in a file and its YAML begin."""
UNREADABLE: Final = frozenset({"A0004", "A0006", "A0007"})
"""Codes after which nothing more is known of a text."""
BOM: Final = "\ufeff".encode()

Check = Callable[[bytes], Spec]


@dataclass(frozen=True, slots=True)
class Applied:
    """A fix that was made: where, in the text as it was then, for which code, and what."""

    file: str
    line: int
    column: int
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.code}: {self.message}"


@dataclass(frozen=True, slots=True)
class Fixed:
    """A text with fixes, which those are, and what is still wrong with it."""

    data: bytes
    applied: tuple[Applied, ...]
    found: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class _State:
    """A text and what is wrong with it."""

    data: bytes
    file: SourceFile
    found: list[Diagnostic]

    @property
    def readable(self) -> bool:
        """Whether it is YAML."""
        return not any(one.code in UNREADABLE and one.span.file is self.file for one in self.found)

    def syntax(self) -> int:
        """How many mistakes the reading of the text itself gives."""
        return sum(one.code.startswith(SYNTAX) and one.span.file is self.file for one in self.found)


def fixed(data: bytes, check: Check) -> Fixed:
    """`data` with every fix that is certain, round by round, for one can uncover the next.

    A round in which a finding remains at what was changed, or that cannot be read, is undone, and its fixes are tried
    one by one. Only the text itself is changed, never what it extends.
    """
    state = _state(data, check)
    applied: list[Applied] = []
    refused: set[tuple[str, ...]] = set()
    for _ in range(min(ROUNDS, max(1, MAX_READ // max(1, len(data))))):
        chosen = [one for one in state.found if one.fix is not None and _key(one) not in refused]
        chosen = [one for one in chosen if one.span.file is state.file]
        # What is doubled is removed first, while both are still the same.
        chosen = [one for one in chosen if one.code.startswith(SYNTAX)] or chosen
        if not chosen:
            break
        after, made = _attempt(state, chosen, check)
        if after is None and len(made) > 1:
            for one in made:
                after, alone = _attempt(state, [one], check)
                if after is not None:
                    made = alone
                    break
                refused.add(_key(one))
        if after is None:
            refused |= {_key(one) for one in made or chosen}
            continue
        applied += [_applied(one) for one in made]
        state = after
    return Fixed(state.data, tuple(applied), tuple(state.found))


def _state(data: bytes, check: Check) -> _State:
    spec = check(data)
    found, file = spec.check(), spec.loaded.file
    if not file.text:  # so many mistakes that reading it was stopped
        file = next((one.span.file for one in found if one.span.file.name == file.name), file)
    return _State(data, file, found)


def _key(one: Diagnostic) -> tuple[str, ...]:
    return (one.code, one.message, one.path, one.fix.message if one.fix else "")


def _applied(one: Diagnostic) -> Applied:
    assert one.fix is not None
    return Applied(one.span.file.name, one.span.line, one.span.column, one.code, one.fix.message)


def _attempt(state: _State, chosen: Sequence[Diagnostic], check: Check) -> tuple[_State | None, list[Diagnostic]]:
    """The text with the fixes of `chosen`, or None where it is no better; and those that do not overlap."""
    by_fix = {id(one.fix): one for one in chosen}
    text, places, fixes = apply(state.file, [one.fix for one in chosen if one.fix is not None])
    made = [by_fix[id(fix)] for fix in fixes]
    if not made:
        return None, []
    data = (BOM if state.data.startswith(BOM) else b"") + text.encode()
    after = _state(data, check)
    return (after if _is_better(state, after, places) else None), made


def _is_better(before: _State, after: _State, places: Sequence[tuple[int, int]]) -> bool:
    """Whether the edits at `places` did what they should.

    How many findings there are tells little, for a mistake hides what depends on it: the fix of a type uncovers what is
    wrong with its fields. But there may be no error in what was written anew; warnings there may be.
    """
    errors = [one for one in after.found if one.severity == "error" and one.span.file is after.file]
    begins = [_begin(one, after) for one in errors]
    if not before.readable:
        stuck = [_begin(one, after) for one in after.found if one.code in UNREADABLE and one.span.file is after.file]
        return all(begin >= max(stop for _, stop in places) for begin in stuck)
    if not after.readable or after.syntax() > before.syntax():
        return False
    return not any(start <= begin < stop for begin in begins for start, stop in places)


def _begin(one: Diagnostic, state: _State) -> int:
    return lines_of(state.file).stretch(one.span)[0]
