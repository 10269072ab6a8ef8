"""Expressions: their values, their mistakes with exact offsets, their limits, and that nothing else is ever raised."""

from __future__ import annotations

import operator
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archc.diagnostics import SourceFile, Span
from archc.spec.expressions import ExpressionError, evaluate, parse_text
from archc.spec.values import UNKNOWN, BlockRef, Value

SPAN = Span(SourceFile("f", ""), 1, 1, 1, 1)
NAMES: dict[str, Value] = {
    "n": 3,
    "half": 0.5,
    "yes": True,
    "word": "relu",
    "xs": (1, 2, 3),
    "ys": (10, 20, 30),
    "empty": (),
    "nothing": None,
    "norm": BlockRef("batch_norm", SPAN, {}),
    "unknown": UNKNOWN,
}


def lookup(name: str) -> Value:
    if name not in NAMES:
        raise ExpressionError("A0202", f"unknown variable `{name}`", 0, 0)
    return NAMES[name]


def outcome(text: str) -> tuple[Value, ExpressionError | None]:
    """The value, or the error that is raised."""
    try:
        return value(text), None
    except ExpressionError as error:
        return None, error


def value(text: str) -> Value:
    return evaluate(parse_text(text), lookup)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("5$", "5$"),
        ("$n", 3),
        ("${n}", 3),
        ("${ n }", 3),
        ("a${n}b", "a3b"),
        ("$n$n", "33"),
        ("$n-$word", "3-relu"),
        ("${1 + 2 * 3}", 7),
        ("${(1 + 2) * 3}", 9),
        ("${2 - 3 - 4}", -5),
        ("${7 // 2}", 3),
        ("${-7 // 2}", -4),
        ("${7 % 4}", 3),
        ("${7 / 2}", 3.5),
        ("${6 / 2}", 3.0),
        ("${--n}", 3),
        ("${+n}", 3),
        ("${-n * 2}", -6),
        ("${1e3}", 1000.0),
        ("${.5}", 0.5),
        ("${5.}", 5.0),
        ("${1 < 2}", True),
        ("${2 <= 1}", False),
        ("${1 == 1.0}", True),
        ("${yes == 1}", False),
        ("${yes != 1}", True),
        ("${nothing == none}", True),
        ("${norm == 'batch_norm'}", True),
        ("${norm == none}", False),
        ("${word == 'relu'}", True),
        ("${xs == [1, 2, 3]}", True),
        ("${not 1 > 2}", True),
        ("${not not yes}", True),
        ("${1 > 2 or 2 > 1 and 3 > 2}", True),
        ("${false and 1 // 0 > 1}", False),
        ("${true or 1 // 0 > 1}", True),
        ("${1 if yes else 1 // 0}", 1),
        ("${1 if false else 2 if false else 3}", 3),
        ("${[1, 2 + 3]}", (1, 5)),
        ("${[]}", ()),
        ("${[1, 2,]}", (1, 2)),
        ("${xs[0]}", 1),
        ("${xs[-1]}", 3),
        ("${xs[1:]}", (2, 3)),
        ("${xs[:-1]}", (1, 2)),
        ("${xs[:]}", (1, 2, 3)),
        ("${[xs, ys][1][2]}", 30),
        ("${xs + ys}", (11, 22, 33)),
        ("${xs * 2}", (2, 4, 6)),
        ("${1 - xs}", (0, -1, -2)),
        ("${-xs}", (-1, -2, -3)),
        ("${min(3, n, 2)}", 2),
        ("${max(xs)}", 3),
        ("${sum(xs)}", 6),
        ("${sum(empty)}", 0),
        ("${len(ys)}", 3),
        ("${round(2.5)}", 2),
        ("${round(3.5)}", 4),
        ("${round(xs / 2)}", (0, 1, 2)),
        ("${ceil(2.1)}", 3),
        ("${floor(-2.1)}", -3),
        ("${sqrt(9)}", 3.0),
        ("${make_divisible(33, 8)}", 32),
        ("${make_divisible(35.9, 8)}", 40),
        ("${make_divisible(3, 8)}", 8),
        ("${make_divisible(11, 8)}", 16),
        ("${unknown}", UNKNOWN),
        ("${unknown + 1}", UNKNOWN),
        ("x$unknown", UNKNOWN),
        ("${unknown if yes else 1}", UNKNOWN),
        ("${1 if unknown else 2}", UNKNOWN),
    ],
)
def test_expressions_have_their_values(text: str, expected: Value) -> None:
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("text", "code", "marked"),
    [
        ("${}", "A0201", ""),
        ("${1 +}", "A0201", ""),
        ("${1 2}", "A0201", "2"),
        ("${* 2}", "A0201", "*"),
        ("${2 ** 3}", "A0201", "**"),
        ("${(1}", "A0201", ""),
        ("${[1}", "A0201", ""),
        ("${1)}", "A0201", ")"),
        ("${a.b}", "A0201", "."),
        ("${n!}", "A0201", "!"),
        ("${n = 3}", "A0201", "="),
        ("${n @ 3}", "A0201", "@"),
        ("${1 < 2 < 3}", "A0201", "<"),
        ("${1 if 2}", "A0201", ""),
        ("${if}", "A0201", "if"),
        ("${in}", "A0201", "in"),
        ("${eval('1')}", "A0201", "eval"),
        ("${__import__('os')}", "A0201", "__import__"),
        ("${n(3)}", "A0201", "n"),
        ("${(n)(3)}", "A0201", "("),
        ("${'a}", "A0201", "'"),
        ("${lambda: 3}", "A0201", ":"),
        ("${99999999999999999999}", "A0201", "99999999999999999999"),
        ("${1e400}", "A0201", "1e400"),
        ("text ${n", "A0201", "${n"),
        ("$", "A0201", "$"),
        ("${1 + missing}", "A0202", "missing"),
        ("$missing", "A0202", "missing"),
        ("a $n b $missing", "A0202", "missing"),
        ("${2 * (1 // 0)}", "A0203", "1 // 0"),
        ("${1 % 0}", "A0203", "1 % 0"),
        ("${1 / (n - 3)}", "A0203", "1 / (n - 3"),
        ("${1 + word}", "A0203", "1 + word"),
        ("${n + xs[3]}", "A0203", "xs[3]"),
        ("${n[0]}", "A0203", "n[0]"),
        ("${xs['a']}", "A0203", "xs['a']"),
        ("${xs[half]}", "A0203", "xs[half]"),
        ("${xs[half:]}", "A0203", "xs[half:]"),
        ("${xs + [1, 2]}", "A0203", "xs + [1, 2]"),
        ("${min()}", "A0203", "min()"),
        ("${min(word)}", "A0203", "min(word)"),
        ("${round(1, 2)}", "A0203", "round(1, 2)"),
        ("${sum(n)}", "A0203", "sum(n)"),
        ("${len(word)}", "A0203", "len(word)"),
        ("${sqrt(0 - 1)}", "A0203", "sqrt(0 - 1)"),
        ("${make_divisible(8, 0)}", "A0203", "make_divisible(8, 0)"),
        ("${1 if n else 2}", "A0203", "n"),
        ("${n and yes}", "A0203", "n"),
        ("${yes and n}", "A0203", "n"),
        ("${not n}", "A0203", "n"),
        ("${word < n}", "A0203", "word < n"),
        ("${yes + 1}", "A0203", "yes + 1"),
        ("a${half}", "A0203", "half"),
        ("a$xs", "A0203", "xs"),
        ("${9007199254740992 * 2}", "A0203", "9007199254740992 * 2"),
        ("${1e300 * 1e300}", "A0201", "1e300"),
    ],
)
def test_mistakes_are_marked_exactly(text: str, code: str, marked: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        value(text)
    assert caught.value.code == code
    assert text[caught.value.start : caught.value.end].removesuffix("}") == marked


@pytest.mark.parametrize(
    "text",
    [
        "${" + "+".join(["1"] * 40) + "}",
        "${" + "(" * 30 + "1" + ")" * 30 + "}",
        "${" + "(" * 4000 + "}",
        "${" + "[" * 4000 + "}",
        "${" + "-" * 4000 + "1}",
        "${" + "not " * 1000 + "true}",
        "${" + "1 if true else " * 200 + "1}",
        "${xs" + "[0]" * 1000 + "}",
        "${min(" * 700 + "}",
    ],
)
def test_size_and_depth_are_limited(text: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        value(text)
    assert caught.value.code == "A0201"


def test_thirty_two_terms_are_within_the_limit() -> None:
    assert value("${" + "+".join(["1"] * 32) + "}") == 32


def test_lists_cannot_grow_without_limit() -> None:
    names: dict[str, Value] = {"a": tuple(range(60))}
    text = parse_text("${[" + ",".join(["a"] * 60) + "]}")
    with pytest.raises(ExpressionError, match="1000 elements"):
        evaluate(text, names.__getitem__)


@pytest.mark.parametrize(
    ("text", "start", "message"), [("${[x]}", 1, "nested deeper"), ("$x$x", "ab", "4096 characters")]
)
def test_values_cannot_grow_from_param_to_param(text: str, start: Value, message: str) -> None:
    grown = start

    def grow(times: int) -> Value:
        nonlocal grown
        for _ in range(times):
            grown = evaluate(parse_text(text), {"x": grown}.__getitem__)
        return grown

    with pytest.raises(ExpressionError, match=message):
        grow(60)


OPERATORS: dict[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "%": operator.mod,
}
Pair = tuple[str, int | None]


def combined(parts: tuple[Pair, str, Pair]) -> Pair:
    """The text of an operation, and its value by Python's own operators; None where it divides by zero or grows too large."""
    (left, a), sign, (right, b) = parts
    text = f"({left} {sign} {right})"
    if a is None or b is None or (sign in ("//", "%") and b == 0):
        return text, None
    result = OPERATORS[sign](a, b)
    return text, result if abs(result) <= 2**53 else None


LEAVES = st.integers(0, 1000).map(lambda number: (str(number), number))
NEGATED = LEAVES.map(lambda pair: (f"-{pair[0]}", -pair[1]))
ARITHMETIC = st.recursive(
    LEAVES | NEGATED,
    lambda inner: st.tuples(inner, st.sampled_from(sorted(OPERATORS)), inner).map(combined),
    max_leaves=16,
)


@given(ARITHMETIC)
@settings(max_examples=200, deadline=None)
def test_arithmetic_agrees_with_python(pair: Pair) -> None:
    text, expected = pair
    found, error = outcome("${" + text + "}")
    assert found == expected or (error is not None and (expected is None or error.code == "A0201"))


@given(
    st.lists(st.tuples(st.sampled_from(sorted(OPERATORS)), st.integers(1, 9)), min_size=1, max_size=8),
    st.integers(0, 99),
)
@settings(max_examples=100, deadline=None)
def test_precedence_and_association_are_pythons(steps: list[tuple[str, int]], first: int) -> None:
    terms: list[list[int]] = [[first]]
    signs = [1]
    for sign, number in steps:
        if sign in ("+", "-"):
            signs.append(1 if sign == "+" else -1)
            terms.append([number])
        else:
            terms[-1] = [OPERATORS[sign](terms[-1][0], number)]
    text = "".join(f" {sign} {number}" for sign, number in steps)
    assert value(f"${{{first}{text}}}") == sum(sign * term[0] for sign, term in zip(signs, terms, strict=True))


@given(st.text(alphabet="${}()[]+-*/%<>=!&|,:.'\" \t\n0129aeniforxswd_é\u202e", max_size=60) | st.text(max_size=40))
@settings(max_examples=300, deadline=None)
def test_random_text_raises_nothing_else(text: str) -> None:
    for candidate in (text, "${" + text + "}"):
        _, error = outcome(candidate)
        assert error is None or 0 <= error.start <= error.end <= len(candidate) + 1
