"""What a diagnostic is: plain data that names a code, a place and a way out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from archc.diagnostics.codes import CODES, Severity

LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
MESSAGE_LIMIT = 500
DIAGNOSTIC_LIMIT = 100
FINDINGS_LIMIT = 256


class Stop(Exception):
    """Checking goes no further: a limit has been passed and reported. What was found until then stands."""


@dataclass(frozen=True, slots=True, eq=False)
class SourceFile:
    """A text that was read: its display name, and what it says. Two files are equal only if they are one object."""

    name: str
    text: str
    shipped: bool = False

    def lines(self) -> list[str]:
        """The lines as YAML counts them (also U+0085, U+2028 and U+2029 end a line)."""
        return LINE_BREAK.split(self.text)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a file; lines and columns count from 1, in code points, and `end_column` is one past the last."""

    file: SourceFile
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.file.name}:{self.line}:{self.column}"

    def within(self, start: int, end: int) -> Span:
        """The part from offset `start` to `end` of a span that lies on one line."""
        return replace(self, column=self.column + start, end_line=self.line, end_column=self.column + end)

    @property
    def position(self) -> tuple[str, int, int, int, int]:
        """The place as plain values, fit to compare and to sort by."""
        return self.file.name, self.line, self.column, self.end_line, self.end_column


@dataclass(frozen=True, slots=True)
class Label:
    """A second place that explains the first, with a few words."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Edit:
    """A stretch of text, and what is to stand there instead; an empty stretch is an insertion."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """What mends a mistake for certain: a few words, and edits that go together."""

    message: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One mistake.

    `message` states the fault, `label` stands under the carets, `labels` point at other places, `notes` give
    values, and only `help` says how to mend it. `path` is the dotted path of the stage, where there is one.
    `fix` is there only where it is certain.
    """

    code: str
    message: str
    span: Span
    label: str = ""
    labels: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    help: str = ""
    path: str = ""
    fix: Fix | None = None

    @property
    def name(self) -> str:
        """The kebab-case name of the code."""
        return CODES[self.code].name

    @property
    def severity(self) -> Severity:
        """`error` or `warning`."""
        return CODES[self.code].severity


@dataclass(slots=True)
class Report:
    """Collects diagnostics; one per (code, place), however often the same text is expanded."""

    _found: dict[tuple[object, ...], Diagnostic] = field(default_factory=dict)
    _repeats: dict[tuple[object, ...], int] = field(default_factory=dict)

    def add(self, diagnostic: Diagnostic) -> None:
        """Keep `diagnostic`, or count it if the same code was already given at the same place. Raises Stop when full."""
        key = (diagnostic.code, diagnostic.span.position)
        if key in self._found:
            self._repeats[key] = self._repeats.get(key, 0) + (diagnostic.path != self._found[key].path)
            return
        self._found[key] = diagnostic
        if len(self._found) >= FINDINGS_LIMIT:
            raise Stop

    def extend(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Add each of `diagnostics`."""
        for diagnostic in diagnostics:
            self.add(diagnostic)

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[Diagnostic]:
        for key, diagnostic in self._found.items():
            more = self._repeats.get(key)
            if more and diagnostic.path:
                note = f"and at {more} more stage{'s' * (more > 1)} made of the same text"
                diagnostic = replace(diagnostic, notes=(*diagnostic.notes, note))
            yield diagnostic

    def sorted(self) -> list[Diagnostic]:
        """In the order of file, line and column."""
        return in_order(self)


def in_order(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Diagnostics in the order of file, line and column."""
    return sorted(diagnostics, key=lambda diagnostic: (diagnostic.span.position, diagnostic.code))


class SpecError(Exception):
    """A spec is wrong; `diagnostics` says where, what and how to mend it."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n".join(f"{d.span}: {d.severity}[{d.code}]: {d.message}" for d in self.diagnostics))
