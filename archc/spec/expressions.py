"""Expressions: parsed by hand into a small tree within limits, evaluated over an allow-list of operations.

No attribute, no power, no call outside the table, and nothing is ever handed to the host language.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Final

from archc.limits import MAX_ELEMENTS, MAX_EXPRESSION_LEVELS, MAX_LEVELS, MAX_NUMBER, MAX_PARTS, MAX_TEXT
from archc.spec.functions import FUNCTIONS, numeric
from archc.spec.values import UNKNOWN, BlockRef, Unknown, Value, describe, is_number

CHANGE: Final = "change the expression, or the values that it is given"
RESERVED: Final = frozenset({"and", "or", "not", "if", "else", "none", "true", "false", "in"})

_TOKEN = re.compile(
    r"\s*(?:(?P<number>[0-9]+\.?[0-9]*(?:[eE][-+]?[0-9]+)?|\.[0-9]+(?:[eE][-+]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<string>'[^']*'|\"[^\"]*\")"
    r"|(?P<op>//|==|!=|<=|>=|\*\*|[-+*/%<>()\[\],:.]))"
)
_HOLE = re.compile(r"\$\{([^}]*)\}|\$([A-Za-z_][A-Za-z0-9_]*)")
_BINARY_POWER: Final = {"+": 6, "-": 6, "*": 7, "/": 7, "//": 7, "%": 7}
_COMPARISONS: Final = ("==", "!=", "<", "<=", ">", ">=")


FOREIGN: Final[Mapping[str, str]] = {
    "**": "there is no power: write it as a product",
    "^": "there is no power: write it as a product",
    "&": "write `and`",
    "|": "write `or`",
    "!": "write `not`, or `!=`",
    "?": "write `a if c else b`",
    "=": "write `==`",
    "is": "write `==`",
    "int": "use `floor`, `ceil` or `round`",
}
"""What other languages write in expressions, and how it is said here."""


class ExpressionError(Exception):
    """A mistake in an expression, from offset `start` to `end` of the text that holds it."""

    def __init__(self, code: str, message: str, start: int, end: int, help: str = "", name: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.start, self.end, self.help = code, message, start, end, help
        self.name = name
        """The variable whose kind is wrong, where it is one."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node of an expression: `op` says what it is, `args` are its parts, `value` a literal or a name."""

    op: str
    start: int
    end: int
    args: tuple[Node, ...] = ()
    value: Value = None


@dataclass(frozen=True, slots=True)
class Text:
    """A string of a spec, parsed: plain, one expression (`$name`, `${...}`), or text with expressions in it."""

    parts: tuple[str | Node, ...]
    names: tuple[str, ...]
    """The names in it, in the order of the text."""
    size: int = 0
    """How many parts its expressions have."""
    length: int = 0
    bare: str = ""
    """The variable that it is and nothing else, or ""."""


@lru_cache(maxsize=4096)
def parse_text(text: str) -> Text:
    """`text` with its expressions parsed. Raises ExpressionError."""
    parts: list[str | Node] = []
    last = size = 0
    for match in _HOLE.finditer(text):
        parts.append(text[last : match.start()])
        group = 1 if match.group(1) is not None else 2
        parser = _Parser(match.group(group), match.start(group))
        parts.append(parser.parse())
        size += parser.nodes
        last = match.end()
    rest = text[last:]
    hole = rest.find("${")
    if hole >= 0:
        raise ExpressionError("A0201", "the expression is not closed", last + hole, len(text), "add the closing `}`")
    if rest == "$" and not parts:
        raise ExpressionError("A0201", "a `$` without a name", last, len(text), "write `$name` or `${...}`")
    parts.append(rest)
    parts = [part for part in parts if part != ""]
    only = parts[0] if len(parts) == 1 else None
    bare = str(only.value) if isinstance(only, Node) and only.op == "name" else ""
    return Text(tuple(parts), tuple(dict.fromkeys(_names(parts))), size, len(text), bare)


def _names(parts: list[str | Node]) -> Iterator[str]:
    stack = [part for part in reversed(parts) if isinstance(part, Node)]
    while stack:
        node = stack.pop()
        if node.op == "name":
            yield str(node.value)
        stack.extend(sorted(node.args, key=lambda arg: -arg.start))


class _Parser:
    """Precedence climbing over the tokens of one expression."""

    def __init__(self, text: str, offset: int) -> None:
        self.text, self.offset, self.nodes, self.depth = text, offset, 0, 0
        self.tokens = list(self.tokenise())
        self.at = 0

    def tokenise(self) -> Iterator[tuple[str, str, int, int]]:
        position = 0
        while position < len(self.text.rstrip()):
            match = _TOKEN.match(self.text, position)
            if match is None:
                start = position + len(self.text[position:]) - len(self.text[position:].lstrip())
                raise self.error(f"unexpected character `{self.text[start]}`", start, start + 1)
            kind = match.lastgroup or ""
            yield kind, match.group(kind), match.start(kind), match.end(kind)
            position = match.end()

    def error(self, message: str, start: int, end: int, help: str = "") -> ExpressionError:
        help = (
            FOREIGN.get(self.text[start:end], "")
            or help
            or "allowed are numbers, names, lists, + - * / // %, comparisons, and or not, `a if c else b` and "
            + (", ".join(FUNCTIONS))
        )
        return ExpressionError("A0201", message, self.offset + start, self.offset + end, help)

    def make(self, op: str, start: int, end: int, args: tuple[Node, ...] = (), value: Value = None) -> Node:
        self.nodes += 1
        if self.nodes > MAX_PARTS:
            raise self.error(
                f"the expression has more than {MAX_PARTS} parts", start, end, "split it over several params"
            )
        return Node(op, self.offset + start, self.offset + end, args, value)

    def join(self, op: str, *args: Node) -> Node:
        return self.make(op, args[0].start - self.offset, args[-1].end - self.offset, args)

    def peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def accept(self, *texts: str) -> str:
        if self.at < len(self.tokens) and self.tokens[self.at][0] != "string" and self.peek() in texts:
            self.at += 1
            return self.tokens[self.at - 1][1]
        return ""

    def expect(self, text: str) -> int:
        if not self.accept(text):
            start, end = self.place()
            raise self.error(f"expected `{text}`", start, end)
        return self.tokens[self.at - 1][3]

    def place(self) -> tuple[int, int]:
        if self.at < len(self.tokens):
            return self.tokens[self.at][2], self.tokens[self.at][3]
        return len(self.text), len(self.text) + 1

    def parse(self) -> Node:
        if not self.tokens:
            raise self.error("the expression is empty", 0, max(1, len(self.text)))
        node = self.conditional()
        if self.at < len(self.tokens):
            start, end = self.place()
            raise self.error(f"unexpected `{self.peek()}`", start, end)
        return node

    def conditional(self) -> Node:
        self.depth += 1
        if self.depth > MAX_EXPRESSION_LEVELS:
            start, end = self.place()
            raise self.error(
                f"the expression is nested deeper than {MAX_EXPRESSION_LEVELS}",
                start,
                end,
                "split it over several params",
            )
        value = self.either()
        if self.accept("if"):
            condition = self.either()
            self.expect("else")
            value = self.join("if", value, condition, self.conditional())
        self.depth -= 1
        return value

    def either(self) -> Node:
        left = self.both()
        while self.accept("or"):
            left = self.join("or", left, self.both())
        return left

    def both(self) -> Node:
        left = self.negation()
        while self.accept("and"):
            left = self.join("and", left, self.negation())
        return left

    def negation(self) -> Node:
        count = 0
        start, _ = self.place()
        while self.accept("not"):
            count += 1
        node = self.comparison()
        for _ in range(count):
            node = self.make("not", start, node.end - self.offset, (node,))
        return node

    def comparison(self) -> Node:
        left = self.binary(0)
        op = self.accept(*_COMPARISONS)
        if not op:
            return left
        node = self.join(op, left, self.binary(0))
        if self.peek() in _COMPARISONS:
            start, end = self.place()
            raise self.error("comparisons do not chain", start, end, "join two comparisons with `and`")
        return node

    def binary(self, power: int) -> Node:
        left = self.unary()
        while _BINARY_POWER.get(self.peek(), 0) > power:
            op = self.accept(self.peek())
            if not op:
                break
            left = self.join(op, left, self.binary(_BINARY_POWER[op]))
        return left

    def unary(self) -> Node:
        signs = []
        start, _ = self.place()
        while sign := self.accept("-", "+"):
            signs.append(sign)
        node = self.postfix()
        for sign in reversed(signs):
            node = self.make("negate" if sign == "-" else "plus", start, node.end - self.offset, (node,))
        return node

    def postfix(self) -> Node:
        node = self.atom()
        while self.accept("["):
            start = node.start - self.offset
            none = Node("none", node.end, node.end)
            low = none if self.peek() == ":" else self.conditional()
            if self.accept(":"):
                high = none if self.peek() == "]" else self.conditional()
                node = self.make("slice", start, self.expect("]"), (node, low, high))
            else:
                node = self.make("index", start, self.expect("]"), (node, low))
        return node

    def atom(self) -> Node:
        if self.at >= len(self.tokens):
            raise self.error("the expression ends too soon", len(self.text), len(self.text) + 1)
        kind, text, start, end = self.tokens[self.at]
        self.at += 1
        if kind == "number":
            return self.make("literal", start, end, value=self.number(text, start, end))
        if kind == "string":
            return self.make("literal", start, end, value=text[1:-1])
        if kind == "name":
            return self.name(text, start, end)
        if text == "(":
            inner = self.conditional()
            self.expect(")")
            return inner
        if text == "[":
            items, stop = self.items("]")
            return self.make("list", start, stop, items)
        raise self.error(f"unexpected `{text}`", start, end)

    def number(self, text: str, start: int, end: int) -> int | float:
        value = int(text) if text.isdigit() and len(text) < 20 else float(text)
        if abs(value) > MAX_NUMBER:
            raise self.error("the number is too large", start, end, f"use a number below {MAX_NUMBER}")
        return value

    def name(self, text: str, start: int, end: int) -> Node:
        literals: dict[str, Value] = {"none": None, "true": True, "false": False}
        if text in literals:
            return self.make("literal", start, end, value=literals[text])
        if self.accept("("):
            if text not in FUNCTIONS:
                raise self.error(f"unknown function `{text}`", start, end, "the functions are " + ", ".join(FUNCTIONS))
            args, stop = self.items(")")
            return self.make("call", start, stop, args, text)
        if text in RESERVED:
            raise self.error(f"unexpected `{text}`", start, end)
        return self.make("name", start, end, value=text)

    def items(self, close: str) -> tuple[tuple[Node, ...], int]:
        items = []
        while self.peek() != close:
            items.append(self.conditional())
            if not self.accept(","):
                break
        return tuple(items), self.expect(close)


Lookup = Callable[[str], Value]


def evaluate(text: Text, lookup: Lookup) -> Value:
    """The value of `text`; `lookup` gives a name's value or raises KeyError. Raises ExpressionError."""
    if len(text.parts) == 1 and isinstance(text.parts[0], Node):
        return _value(text.parts[0], lookup)
    pieces = []
    for part in text.parts:
        value = part if isinstance(part, str) else _value(part, lookup)
        if isinstance(value, Unknown):
            return UNKNOWN
        if isinstance(part, Node) and not isinstance(value, (int, str)):
            raise ExpressionError(
                "A0203", f"text is made of ints and strings, this is {describe(value)}", part.start, part.end
            )
        pieces.append(str(value))
        if sum(map(len, pieces)) > MAX_TEXT:
            raise ExpressionError("A0203", f"the text is longer than {MAX_TEXT} characters", 0, text.length)
    return "".join(pieces)


def _value(node: Node, lookup: Lookup) -> Value:
    if node.op == "literal":
        return node.value
    if node.op == "none":
        return None
    if node.op == "name":
        return lookup_name(node, lookup)
    if node.op == "if":
        return _conditional(node, lookup)
    if node.op in ("and", "or"):
        return _logic(node, lookup)
    args = [_value(arg, lookup) for arg in node.args]
    if any(isinstance(arg, Unknown) for arg in args):
        return UNKNOWN
    try:
        return _bounded(_OPERATIONS[node.op](node, args))
    except ZeroDivisionError:
        help = "divide by a number that is never 0"
        raise ExpressionError("A0203", "division by zero", node.start, node.end, help) from None
    except TypeError as error:
        raise ExpressionError("A0203", str(error), node.start, node.end, CHANGE, _misfit(node, args)) from None
    except (ValueError, IndexError, OverflowError) as error:
        raise ExpressionError("A0203", str(error), node.start, node.end, CHANGE) from None


def _misfit(node: Node, args: list[Value]) -> str:
    """The variable that an operation cannot be done with, by its kind; "" where that cannot be told."""
    lists = node.op in ("index", "slice") or (node.op == "call" and node.value in ("sum", "len"))
    for at, (arg, value) in enumerate(zip(node.args, args, strict=True)):
        fits = isinstance(value, tuple) if lists and at == 0 else is_number(value) or isinstance(value, tuple)
        if not fits and arg.op != "none":
            return str(arg.value) if arg.op == "name" else ""
    return ""


def lookup_name(node: Node, lookup: Lookup) -> Value:
    """The value of a name, with the offsets of the node in what is raised."""
    try:
        return lookup(str(node.value))
    except ExpressionError as error:
        raise ExpressionError(error.code, error.message, node.start, node.end, error.help, str(node.value)) from None


def _conditional(node: Node, lookup: Lookup) -> Value:
    condition = _value(node.args[1], lookup)
    if isinstance(condition, Unknown):
        return UNKNOWN
    return _value(node.args[0] if _truth(node.args[1], condition) else node.args[2], lookup)


def _logic(node: Node, lookup: Lookup) -> Value:
    left = _value(node.args[0], lookup)
    if isinstance(left, Unknown):
        return UNKNOWN
    if _truth(node.args[0], left) == (node.op == "or"):
        return left
    right = _value(node.args[1], lookup)
    return right if isinstance(right, Unknown) else _truth(node.args[1], right)


def _truth(node: Node, value: Value) -> bool:
    if not isinstance(value, bool):
        raise ExpressionError(
            "A0203",
            f"a condition must be a bool, this is {describe(value)}",
            node.start,
            node.end,
            "compare it with something, say `!= 0`",
        )
    return value


def _bounded(value: Value) -> Value:
    if is_number(value) and not (math.isfinite(value) and abs(value) <= MAX_NUMBER):
        raise OverflowError("the result is too large")
    if isinstance(value, tuple) and next(islice(_elements(value, 0), MAX_ELEMENTS, None), None) is not None:
        raise OverflowError(f"the list has more than {MAX_ELEMENTS} elements")
    return value


def _elements(value: tuple[Value, ...], level: int) -> Iterator[bool]:
    """One item for each element of a list and of the lists in it."""
    if level >= MAX_LEVELS:
        raise OverflowError(f"lists are nested deeper than {MAX_LEVELS} levels")
    for item in value:
        yield True
        if isinstance(item, tuple):
            yield from _elements(item, level + 1)
        else:
            _bounded(item)


def _call(node: Node, args: list[Value]) -> Value:
    low, high, function = FUNCTIONS[str(node.value)]
    if not low <= len(args) <= high:
        raise TypeError(f"`{node.value}` takes {low if low == high else f'{low} or more'} argument{'s' * (high > 1)}")
    return function(args)


def _index(node: Node, args: list[Value]) -> Value:
    items, index = args
    if not isinstance(items, tuple):
        raise TypeError(f"only lists have elements, this is {describe(items)}")
    if not isinstance(index, int) or isinstance(index, bool):
        raise TypeError(f"an index is an int, this is {describe(index)}")
    if not -len(items) <= index < len(items):
        raise IndexError(f"there is no element {index} in a list of {len(items)}")
    return items[index]


def _slice(node: Node, args: list[Value]) -> Value:
    items, low, high = args
    if not isinstance(items, tuple):
        raise TypeError(f"only lists have slices, this is {describe(items)}")
    for bound in (low, high):
        if bound is not None and (not isinstance(bound, int) or isinstance(bound, bool)):
            raise TypeError(f"a slice's bound is an int, this is {describe(bound)}")
    assert low is None or isinstance(low, int)
    assert high is None or isinstance(high, int)
    return items[slice(low, high)]


def _compare(function: Callable[[float, float], bool]) -> Callable[[Node, list[Value]], Value]:
    def compare(node: Node, args: list[Value]) -> Value:
        left, right = args
        if not (is_number(left) and is_number(right)):
            raise TypeError(f"only numbers have an order, these are {describe(left)} and {describe(right)}")
        return function(left, right)

    return compare


def _equal(left: Value, right: Value) -> bool:
    if isinstance(left, BlockRef) and isinstance(right, str):
        return left.type == right
    return left == right and isinstance(left, bool) == isinstance(right, bool)


def _not(node: Node, args: list[Value]) -> Value:
    return not _truth(node.args[0], args[0])


_OPERATIONS: Final[dict[str, Callable[[Node, list[Value]], Value]]] = {
    "+": lambda _, args: numeric(operator.add, *args),
    "-": lambda _, args: numeric(operator.sub, *args),
    "*": lambda _, args: numeric(operator.mul, *args),
    "/": lambda _, args: numeric(operator.truediv, *args),
    "//": lambda _, args: numeric(operator.floordiv, *args),
    "%": lambda _, args: numeric(operator.mod, *args),
    "negate": lambda _, args: numeric(operator.neg, *args),
    "plus": lambda _, args: numeric(operator.pos, *args),
    "==": lambda _, args: _equal(*args),
    "!=": lambda _, args: not _equal(*args),
    "<": _compare(operator.lt),
    "<=": _compare(operator.le),
    ">": _compare(operator.gt),
    ">=": _compare(operator.ge),
    "not": _not,
    "list": lambda _, args: tuple(args),
    "call": _call,
    "index": _index,
    "slice": _slice,
}
