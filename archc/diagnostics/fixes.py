"""Fixes: when a respelling is certain, and the texts that edits make.

A fix is offered only where nothing else can have been meant. Whoever applies one checks the result all the same.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from typing import Final

from archc.diagnostics.model import LINE_BREAK, Edit, Fix, SourceFile, Span

_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\Z")
_INT: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,8})\Z")
_FLOAT: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{1,17})?(?:e-?[0-9]{1,2})?\Z")
_BOOLS: Final = {"true": "true", "yes": "true", "on": "true", "false": "false", "no": "false", "off": "false"}
_EXPRESSION: Final = re.compile(r"(?:(?<=[\[{,])|(?<=: )) *([\w.-]*\$\{[^{}]*\}[\w.-]*)(?= *(?:[,\]}]|$))")
_NOT_STRINGS: Final = frozenset({"null", "true", "false"})
SHORT: Final = 4
"""Up to this length a word may differ from what it was meant to be by one change, beyond it by two."""


class Hint(str):
    """A help text that proposes to spell `word` as `respelling`, which is "" where that is not certain.

    It travels as the help that it is, so that whoever reports the mistake need not know that there is a fix.
    """

    word: str = ""
    respelling: str = ""

    def __new__(cls, text: str, word: str = "", respelling: str = "") -> Hint:
        """`text`, with the word that is wrong and the one that it proposes."""
        hint = super().__new__(cls, text)
        hint.word, hint.respelling = word, respelling
        return hint


def certain(word: str, known: Iterable[str], taken: Collection[str] = ()) -> str:
    """The one known word that `word` must have been meant to be, or "".

    Case, `-` and `_` aside it is the same, or one change away (two in long words) and no other is as near; numbers in it
    are never changed, for `conv2` is no misspelling of `conv1`; and it is not `taken`.
    """
    plain = _plain(word)
    if len(plain) < 3:
        return ""
    limit = 1 if len(plain) <= SHORT else 2
    near: dict[int, list[str]] = {}
    for other in dict.fromkeys(known):
        if abs(len(_plain(other)) - len(plain)) <= limit and _digits(other) == _digits(word):
            near.setdefault(distance(plain, _plain(other)), []).append(other)
    best = min(near, default=limit + 1)
    if best > limit or len(near[best]) > 1 or near[best][0] in taken or len(_plain(near[best][0])) < 3:
        return ""
    return near[best][0]


def _plain(word: str) -> str:
    return word.lower().replace("-", "").replace("_", "")


def _digits(word: str) -> list[str]:
    return re.findall("[0-9]+", word)


def distance(a: str, b: str) -> int:
    """How many characters must be put in, left out, changed or swapped with their neighbour to make `a` into `b`."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, start=1):
        earlier, before, row = before, row, [i]
        for j, right in enumerate(b, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (left != right))
            if i > 1 and j > 1 and left == b[j - 2] and a[i - 2] == right:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
    return row[-1]


def respelt(span: Span, help: str) -> Fix | None:
    """The fix that `help` proposes, if the word that is wrong stands at `span` as it is read; its quotes are kept."""
    if not isinstance(help, Hint) or not help.respelling or span.file.shipped:
        return None
    word, new = help.word, help.respelling
    old = text_at(span)
    quote = old[:1] if old[:1] in ("'", '"') else ""
    if old != f"{quote}{word}{quote}" or not _WORD.match(new) or new.lower() in _NOT_STRINGS:
        return None
    return Fix(f"`{word}` becomes `{new}`", (Edit(span, f"{quote}{new}{quote}"),))


def retyped(span: Span, kind: str) -> Fix | None:
    """The fix of a string where a bool or a number is needed, and the string says one."""
    if span.file.shipped:
        return None
    old = text_at(span)
    inner = old[1:-1] if old[:1] in ("'", '"') and old[-1:] == old[:1] else old
    new = _BOOLS.get(inner.lower(), "") if kind == "bool" else ""
    pattern = {"int": _INT, "sizes": _INT, "paddings": _INT, "float": _FLOAT}.get(kind)
    if inner != old and pattern is not None and pattern.match(inner):
        new = inner
    return Fix(f"`{old}` becomes `{new}`", (Edit(span, new),)) if new else None


def inserted_line(before: Span, line: str) -> Fix | None:
    """The fix that puts a line above the one that begins at `before`."""
    if before.file.shipped or before.column != 1:
        return None
    end = LINE_BREAK.search(before.file.text)
    place = Span(before.file, before.line, 1, before.line, 1)
    return Fix(f"add `{line}`", (Edit(place, line + (end[0] if end else "\n")),))


def quoted(file: SourceFile, line: int, at: int) -> Fix | None:
    """The fix that quotes an expression inside `{}` or `[]` whose `$` is at offset `at` of a line (from 1).

    Only what stands alone between two of `: , [ ] { }` is quoted, words stuck to the expression with it.
    """
    text = [*file.lines(), ""][line - 1]
    found = _EXPRESSION.search(text, 0, len(text))
    while found is not None and not found.start(1) <= at < found.end(1):
        found = _EXPRESSION.search(text, found.end(1))
    if found is None or file.shipped:
        return None
    quote = "'" if '"' in found[1] else '"'
    if quote in found[1] or "\\" in found[1]:
        return None
    start, stop = (Span(file, line, column + 1, line, column + 1) for column in found.span(1))
    return Fix(f"quote `{found[1]}`", (Edit(start, quote), Edit(stop, quote)))


def removed_entry(key: Span, value: Span, first_value: Span) -> Fix | None:
    """The fix that removes a key given again with the same scalar: its line, or what stands between two commas."""
    if key.file.shipped or value.end_line != key.line or text_at(value) != text_at(first_value):
        return None
    text, lines = key.file.text, lines_of(key.file)
    start, stop = lines.stretch(key)[0], lines.stretch(value)[1]
    while text[start - 1 : start] in (" ", "\t"):
        start -= 1
    while text[stop : stop + 1] in (" ", "\t"):
        stop += 1
    fix = f"remove the second `{text_at(key)}`"
    if start == lines.starts[key.line - 1] and text[stop : stop + 1] in ("", "\r", "\n"):
        return Fix(fix, (Edit(Span(key.file, key.line, 1, key.line + 1, 1), ""),))
    if text[start - 1 : start] == "," and text[stop : stop + 1] in (",", "}"):
        comma = key.column - (lines.stretch(key)[0] - start) - 1
        return Fix(fix, (Edit(Span(key.file, key.line, comma, key.line, value.end_column), ""),))
    return None


# -- texts --------------------------------------------------------------------------------------------------------------


class Lines:
    """Where the lines of a text begin, so that a place can be turned into an offset."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = [0, *(match.end() for match in LINE_BREAK.finditer(text))]

    def offset(self, line: int, column: int) -> int:
        """The offset of a line and column that count from 1."""
        if line > len(self.starts):
            return len(self.text)
        return min(len(self.text), self.starts[line - 1] + column - 1)

    def stretch(self, span: Span) -> tuple[int, int]:
        """The offsets of a span's begin and end."""
        start = self.offset(span.line, span.column)
        return start, max(start, self.offset(span.end_line, span.end_column))


@lru_cache(maxsize=8)
def lines_of(file: SourceFile) -> Lines:
    """The lines of a file, split once."""
    return Lines(file.text)


def text_at(span: Span) -> str:
    """What stands at `span`."""
    start, stop = lines_of(span.file).stretch(span)
    return span.file.text[start:stop]


def apply(file: SourceFile, fixes: Sequence[Fix]) -> tuple[str, list[tuple[int, int]], list[Fix]]:
    """The text of `file` after fixes, where in it their edits are, and which were made.

    A fix that touches another file, or what an earlier fix of the list changes, is left out.
    """
    lines = lines_of(file)
    taken: list[tuple[int, int, str]] = []
    made = []
    for fix in fixes:
        edits = [(*lines.stretch(edit.span), edit.text) for edit in fix.edits]
        own = all(edit.span.file is file for edit in fix.edits)
        if own and not any(a[0] <= b[1] and b[0] <= a[1] for a in edits for b in taken):
            taken += edits
            made.append(fix)
    pieces, places, last, length = [], [], 0, 0
    for start, stop, text in sorted(taken):
        pieces += [file.text[last:start], text]
        length += start - last
        places.append((length, length + len(text)))
        length += len(text)
        last = stop
    return "".join([*pieces, file.text[last:]]), places, made
