"""Text to located tree: the only user of yaml.

Events are counted before anything is built, so that nesting, aliases and sheer size meet a limit first; the composer is
iterative; scalars are those of YAML 1.2's core schema (https://yaml.org/spec/1.2.2/#103-core-schema).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from archc.diagnostics import Diagnostic, Label, SourceFile, Span
from archc.diagnostics.fixes import removed_entry, text_at
from archc.limits import MAX_ALIASES, MAX_BYTES, MAX_SCALAR, MAX_YAML_INT, MAX_YAML_LEVELS, MAX_YAML_NODES
from archc.misprints import MISSING_COLON, STRANGE_SPACE, Problem, comma_in_value, explain, missing_colon, strange_space

Value = bool | int | float | str | None

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL = re.compile(r"(?:null|Null|NULL|~|)\Z")
_BOOL = re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")
_INT = re.compile(r"[-+]?[0-9]+\Z")
_BASED = re.compile(r"0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_HEADER = re.compile(r"[|>][-+0-9]*[ \t]+(?=#)")
_FIRST = frozenset("~nNtTfF+-.0123456789") | {""}
"""What anything but a word begins with."""
_SPECIAL = re.compile(r"[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z")


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """A scalar: its value by YAML 1.2, and where it stands."""

    value: Value
    span: Span
    text_start: int | None
    """Columns from the span's start to the text (1 behind a quote); None where escapes or line breaks move the columns."""
    faulty: bool = False
    """Whether a diagnostic was given, so that the value is not known."""


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    """A list of nodes."""

    items: tuple[Tree, ...]
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A key and its value."""

    key: Scalar
    value: Tree


@dataclass(frozen=True, slots=True, eq=False)
class Mapping:
    """A mapping with distinct string keys, in the order of the text."""

    entries: dict[str, Entry]
    span: Span

    def get(self, key: str) -> Tree | None:
        """The value at `key`, or None."""
        entry = self.entries.get(key)
        return entry.value if entry else None

    def beside(self, key: Scalar) -> list[str]:
        """The keys that are written in the same file as `key`: a mapping may be merged from several."""
        return [name for name, entry in self.entries.items() if entry.key.span.file is key.span.file]


Tree = Scalar | Sequence | Mapping


class _Refused(Exception):
    """Stops reading with one diagnostic."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        self.diagnostic = diagnostic


def read_file(
    path: Path, name: str | None = None, shipped: bool = False, wanted: str = "a YAML spec"
) -> tuple[SourceFile, list[Diagnostic]]:
    """The text of a file, within the size limit and in UTF-8; an empty text with a diagnostic otherwise.

    `wanted` is what the file should be, as the diagnostic says it.
    """
    name, help = name or str(path), f"give the path of {wanted}"
    empty = SourceFile(name, "", shipped)
    start = Span(empty, 1, 1, 1, 1)
    try:
        if not path.is_file():
            why = "is a folder" if path.is_dir() else "is not a regular file" if path.exists() else "does not exist"
            return empty, [Diagnostic("A0001", f"`{name}` {why}", start, help=help)]
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        message = f"cannot read `{name}`: {reason.lower()}"
        return empty, [Diagnostic("A0001", message, start, help=help)]
    return decode(data, name, shipped)


def decode(data: bytes, name: str, shipped: bool = False) -> tuple[SourceFile, list[Diagnostic]]:
    """`data` as text; an empty text with a diagnostic where it is too large or not UTF-8."""
    empty = SourceFile(name, "", shipped)
    start = Span(empty, 1, 1, 1, 1)
    if len(data) > MAX_BYTES:
        message = f"the file is larger than {MAX_BYTES // 1024} KiB"
        return empty, [Diagnostic("A0003", message, start, help="use `repeat`, blocks or `extends`")]
    try:
        return SourceFile(name, data.decode("utf-8-sig"), shipped), []
    except UnicodeDecodeError as error:
        message = f"the file is not UTF-8: byte 0x{data[error.start]:02x} at offset {error.start}"
        return empty, [Diagnostic("A0002", message, start, help="save it as UTF-8")]


def parse(file: SourceFile) -> tuple[Tree | None, list[Diagnostic]]:
    """The located tree of `file`, or None and what is wrong; duplicate keys are reported and the first one kept."""
    composer = _Composer(file)
    try:
        return composer.compose(), composer.diagnostics
    except _Refused as refused:
        return None, [*composer.diagnostics, refused.diagnostic]
    except yaml.YAMLError as error:
        return None, [*composer.diagnostics, _yaml_error(file, error)]


def comments(file: SourceFile) -> Iterator[Span]:
    """The comments of a text that parses, each from its `#` to the end of its line: what stands between two tokens."""
    lines = file.lines()
    loader = _LOADER(file.text)
    line = column = 0
    try:
        while loader.check_token():
            token = loader.get_token()
            start, end = token.start_mark, token.end_mark
            for at in range(line, min(start.line + 1, len(lines))):
                first = column if at == line else 0
                found = lines[at].find("#", first, start.column if at == start.line else len(lines[at]))
                if found >= 0:
                    yield Span(file, at + 1, found + 1, at + 1, len(lines[at]) + 1)
            header = (
                _HEADER.match(lines[start.line], start.column) if getattr(token, "style", None) in ("|", ">") else None
            )
            if header:
                yield Span(file, start.line + 1, header.end() + 1, start.line + 1, len(lines[start.line]) + 1)
            line, column = end.line, end.column
    finally:
        loader.dispose()


def _yaml_error(file: SourceFile, error: yaml.YAMLError) -> Diagnostic:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be read")
    if mark is not None and "nesting depth" in problem:  # of libyaml, which reads further than was asked for
        span = Span(file, mark.line + 1, mark.column + 1, mark.line + 1, mark.column + 2)
        return _too_deep(span)
    if mark is None:
        span = _span_at_offset(file, getattr(error, "position", 0))
        return Diagnostic("A0004", f"invalid YAML: {problem}", span, help="remove the character")
    began = getattr(error, "context_mark", None)
    context = str(getattr(error, "context", None) or "") if began is not None else ""
    where = (began.line, began.column) if began is not None else (-1, 0)
    return explain(file, Problem(problem, mark.line, mark.column, context, *where))


def _too_deep(span: Span) -> Diagnostic:
    return Diagnostic("A0003", f"nesting is deeper than {MAX_YAML_LEVELS} levels", span, help="use blocks")


def _span_at_offset(file: SourceFile, offset: int) -> Span:
    before = SourceFile("", file.text[:offset]).lines()
    return Span(file, len(before), len(before[-1]) + 1, len(before), len(before[-1]) + 2)


class _Composer:
    """Builds the tree from events with a stack of its own."""

    def __init__(self, file: SourceFile) -> None:
        self.file = file
        self.diagnostics: list[Diagnostic] = []
        self.extents: dict[int, tuple[Tree, int, int]] = {}
        """Nodes and levels of what aliases stand for, by id."""
        self.anchors: dict[str, Tree | None] = {}
        self.nodes = 0
        self.aliases = 0

    def refuse(self, code: str, message: str, event: Any, help: str, label: str = "") -> _Refused:
        return _Refused(Diagnostic(code, message, self.span(event), label, help=help))

    def span(self, event: Any) -> Span:
        start, end = event.start_mark, event.end_mark
        return Span(self.file, start.line + 1, start.column + 1, end.line + 1, end.column + 1)

    def count(self, event: Any, weight: int = 1) -> None:
        self.nodes += weight
        if self.nodes > MAX_YAML_NODES:
            raise self.refuse(
                "A0003", f"the file has more than {MAX_YAML_NODES} nodes", event, "use `repeat` or blocks"
            )

    def events(self) -> Iterator[Any]:
        loader = _LOADER(self.file.text)
        try:
            while loader.check_event():
                yield loader.get_event()
        finally:
            loader.dispose()

    def compose(self) -> Tree | None:
        open_: list[tuple[Any, list[Tree]]] = []
        root: Tree | None = None
        documents = 0
        for event in self.events():
            node: Tree | None = None
            if isinstance(event, yaml.ScalarEvent):
                self.check_tag(event)
                self.count(event)
                node = self.scalar(event)
                self.anchor(event, node)
            elif isinstance(event, yaml.CollectionStartEvent):
                self.check_tag(event)
                self.count(event)
                self.check_depth(event, len(open_) + 1)
                self.anchor(event, None)
                open_.append((event, []))
            elif isinstance(event, yaml.CollectionEndEvent):
                start, children = open_.pop()
                node = self.collection(start, children, event)
                self.anchor(start, node)
            elif isinstance(event, yaml.AliasEvent):
                node = self.alias(event, len(open_))
            elif isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self.refuse("A0006", "a spec is one document", event, "put each spec in a file of its own")
            if node is not None:
                if open_:
                    open_[-1][1].append(node)
                else:
                    root = node
        return root

    def check_tag(self, event: Any) -> None:
        if event.tag is not None:
            raise self.refuse("A0006", f"tags are not allowed: `{event.tag}`", event, "remove the tag")

    def check_depth(self, event: Any, depth: int) -> None:
        if depth > MAX_YAML_LEVELS:
            raise _Refused(_too_deep(self.span(event)))

    def anchor(self, event: Any, node: Tree | None) -> None:
        if event.anchor is not None:
            self.anchors[event.anchor] = node

    def extent(self, node: Tree) -> tuple[int, int]:
        """The nodes and levels of what an alias stands for."""
        if isinstance(node, Scalar):
            return 1, 0
        known = self.extents.get(id(node))
        if known is None:
            children = node.items if isinstance(node, Sequence) else [entry.value for entry in node.entries.values()]
            inside = [self.extent(child) for child in children]
            keys = len(children) if isinstance(node, Mapping) else 0
            nodes, levels = sum(nodes for nodes, _ in inside), max((levels for _, levels in inside), default=0)
            known = self.extents[id(node)] = node, 1 + keys + nodes, 1 + levels
        return known[1:]

    def alias(self, event: Any, depth: int) -> Tree:
        self.aliases += 1
        if self.aliases > MAX_ALIASES:
            raise self.refuse("A0003", f"the file has more than {MAX_ALIASES} aliases", event, "use params or blocks")
        if event.anchor not in self.anchors:
            raise self.refuse(
                "A0004",
                f"unknown alias `*{event.anchor}`",
                event,
                f"define `&{event.anchor}` before it; a param is `${event.anchor}`",
            )
        node = self.anchors[event.anchor]
        if node is None:
            raise self.refuse("A0006", f"`*{event.anchor}` stands inside what it names", event, "remove the alias")
        nodes, levels = self.extent(node)
        self.count(event, nodes)
        self.check_depth(event, depth + levels)
        return node

    def collection(self, start: Any, children: list[Tree], end: Any) -> Tree:
        first = self.span(start)
        # A block collection's end mark overruns to the next token; the last child's end is the true one.
        last = self.span(end) if start.flow_style else children[-1].span if children else first
        span = Span(self.file, first.line, first.column, last.end_line, last.end_column)
        if isinstance(start, yaml.SequenceStartEvent):
            return Sequence(tuple(children), span)
        return Mapping(self.entries(children), span)

    def entries(self, children: list[Tree]) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        for key, value in map(self.repaired, *self.rejoined(children[::2], children[1::2])):
            if not isinstance(key, Scalar):
                raise _Refused(
                    Diagnostic("A0006", "a key must be a plain word", key.span, help="use a string as the key")
                )
            if key.value == "<<" and key.text_start == 0:
                raise _Refused(
                    Diagnostic("A0006", "merge keys are not allowed", key.span, help="use `defaults`, params or blocks")
                )
            if not isinstance(key.value, str):
                help = f'quote it: "{key.value}"' if key.value is not None else "write a word before the colon"
                help = "write `key: value`, or remove it" if key.value is not None and _is_bare(value) else help
                raise _Refused(Diagnostic("A0006", "a key must be a string", key.span, help=help))
            if key.value in entries:
                first = Label(entries[key.value].key.span, "first given here")
                self.diagnostics.append(
                    Diagnostic(
                        "A0005",
                        f"duplicate key `{key.value}`",
                        key.span,
                        "given again here",
                        (first,),
                        help="remove one of the two",
                        fix=removed_entry(key.span, value.span, entries[key.value].value.span)
                        if isinstance(value, Scalar)
                        else None,
                    )
                )
                continue
            entries[key.value] = Entry(key, value)
        return entries

    def rejoined(self, keys: list[Tree], values: list[Tree]) -> tuple[list[Tree], list[Tree]]:
        """Keys and values, less those that a comma in a value makes of `(3, 3)` and `1,024`; each of these is reported."""
        kept: tuple[list[Tree], list[Tree]] = ([], [])
        at = 0
        while at < len(keys):
            value = values[at]
            stop = at + 1 + _pieces(value, keys, values, at + 1) if _is_piece(value) else at + 1
            if stop > at + 1:
                last = keys[stop - 1].span
                span = Span(self.file, value.span.line, value.span.column, last.end_line, last.end_column)
                self.diagnostics.append(comma_in_value(text_at(span), span))
                value = Scalar(None, span, None, faulty=True)
            kept[0].append(keys[at])
            kept[1].append(value)
            at = stop
        return kept

    def repaired(self, key: Tree, value: Tree) -> tuple[Tree, Tree]:
        """A key and its value; where they were written as one word without `: `, reported and parted."""
        text = key.value if isinstance(key, Scalar) and key.text_start == 0 else None
        if not isinstance(text, str):
            return key, value
        strange = STRANGE_SPACE.match(text)
        if strange:
            raise _Refused(strange_space(key.span.within(strange.start(1), strange.end(1)), strange.group(1)))
        found = MISSING_COLON.match(text) if _is_bare(value) else None
        if found is None:
            return key, value
        self.diagnostics.append(missing_colon(text, key.span))
        parts = []
        for group in (1, 2):
            span = key.span.within(found.start(group), found.end(group))
            try:
                parts.append(Scalar(found.group(group) if group == 1 else resolve(found.group(group)), span, 0))
            except OverflowError:
                parts.append(Scalar(None, span, None, faulty=True))
        return parts[0], parts[1]

    def scalar(self, event: Any) -> Scalar:
        span = self.span(event)
        text: str = event.value
        if len(text) > MAX_SCALAR:
            raise self.refuse("A0003", f"a scalar is longer than {MAX_SCALAR} characters", event, "shorten it")
        plain = event.style is None or event.style == ""
        quoted = 0 if plain else 1
        one_line = span.line == span.end_line and span.end_column - span.column == len(text) + 2 * quoted
        value: Value = text
        faulty = False
        if plain:
            try:
                value = resolve(text)
            except OverflowError as error:
                number = Diagnostic("A0008", str(error), span, help="use a smaller number, or quote it if it is a word")
                self.diagnostics.append(number)
                faulty = True
        return Scalar(value, span, quoted if one_line and event.style not in ("|", ">") else None, faulty)


def _is_piece(value: Tree) -> bool:
    """Whether a value may be the first piece of one with a comma in it: `(3` or `1`."""
    if not isinstance(value, Scalar) or value.text_start != 0:
        return False
    return type(value.value) is int or (
        isinstance(value.value, str) and value.value[:1] == "(" and ")" not in value.value
    )


def _pieces(value: Tree, keys: list[Tree], values: list[Tree], begin: int) -> int:
    """How many of the entries behind a value, from `begin` on, are pieces of it: words without a value, up to a `)`, or of three digits."""
    is_number, before = isinstance(value, Scalar) and type(value.value) is int, value.span
    for count, at in enumerate(range(begin, len(keys))):
        key, none = keys[at], values[at]
        span, text = key.span, str(key.value) if isinstance(key, Scalar) else ""
        width = span.end_column - span.column
        if not _is_bare(none) or span.line != before.end_line or not isinstance(key, Scalar):
            return count if is_number else 0
        if is_number and not (type(key.value) is int and width == 3 and span.column == before.end_column + 1):
            return count
        if not is_number and text.endswith(")"):
            return count + 1
        before = span
    return len(keys) - begin if is_number else 0


def _is_bare(value: Tree) -> bool:
    """Whether nothing is written where a value would stand."""
    return isinstance(value, Scalar) and value.value is None and value.span.column == value.span.end_column


def resolve(text: str) -> Value:
    """A plain scalar's value in YAML 1.2's core schema. Raises OverflowError for numbers that nothing here needs."""
    if text[:1] not in _FIRST:
        return text
    if _NULL.match(text):
        return None
    if _BOOL.match(text):
        return text[0] in "tT"
    if _INT.match(text):
        return _bounded(text, 10)
    if _BASED.match(text):
        return _bounded(text[2:], 8 if text[1] == "o" else 16)
    if _FLOAT.match(text):
        number = float(text)
        if math.isinf(number):
            raise OverflowError(f"{text[:40]} is not a finite number")
        return number
    if _SPECIAL.match(text):
        raise OverflowError(f"{text} is not a finite number")
    return text


def _bounded(digits: str, base: int) -> int:
    if len(digits) > 64 or abs(int(digits, base)) > MAX_YAML_INT:
        raise OverflowError("the integer is larger than 2^63 - 1")
    return int(digits, base)
