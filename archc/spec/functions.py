"""The functions of expressions, and arithmetic element by element.

They raise TypeError and ValueError; what evaluates an expression says where.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from archc.spec.values import Value, describe, is_number


def numeric(function: Callable[..., int | float], *args: Value) -> Value:
    """`function` on numbers, and element by element where one argument is a list."""
    lengths = {len(arg) for arg in args if isinstance(arg, tuple)}
    if lengths:
        if len(lengths) > 1:
            raise TypeError(f"lists of {' and '.join(map(str, sorted(lengths)))} elements do not go together")
        rows = [arg if isinstance(arg, tuple) else (arg,) * min(lengths) for arg in args]
        return tuple(numeric(function, *row) for row in zip(*rows, strict=True))
    for arg in args:
        if not is_number(arg):
            raise TypeError(f"a number is needed, this is {describe(arg)}")
    return function(*args)


def make_divisible(value: float, divisor: float) -> int:
    """The multiple of `divisor` nearest to `value`, never more than 10% below it (MobileNet's rounding of widths)."""
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return int(rounded + divisor if rounded < 0.9 * value else rounded)


def _numbers(args: list[Value]) -> list[int | float]:
    flat = list(args[0]) if len(args) == 1 and isinstance(args[0], tuple) else args
    numbers = [item for item in flat if is_number(item)]
    if len(numbers) != len(flat) or not numbers:
        raise TypeError("numbers, or one list of numbers, are needed")
    return numbers


def _sqrt(value: float) -> float:
    if value < 0:
        raise ValueError(f"sqrt needs a number that is not negative, this is {value}")
    return math.sqrt(value)


def _sum(args: list[Value]) -> Value:
    (items,) = args
    if not isinstance(items, tuple):
        raise TypeError(f"sum needs a list, this is {describe(items)}")
    return sum(_numbers([items])) if items else 0


def _len(args: list[Value]) -> Value:
    (items,) = args
    if not isinstance(items, tuple):
        raise TypeError(f"len needs a list, this is {describe(items)}")
    return len(items)


FUNCTIONS: Final[dict[str, tuple[int, int, Callable[[list[Value]], Value]]]] = {
    "min": (1, 64, lambda args: min(_numbers(args))),
    "max": (1, 64, lambda args: max(_numbers(args))),
    "round": (1, 1, lambda args: numeric(round, *args)),
    "ceil": (1, 1, lambda args: numeric(math.ceil, *args)),
    "floor": (1, 1, lambda args: numeric(math.floor, *args)),
    "sqrt": (1, 1, lambda args: numeric(_sqrt, *args)),
    "sum": (1, 1, _sum),
    "len": (1, 1, _len),
    "make_divisible": (2, 2, lambda args: numeric(make_divisible, *args)),
}
"""Name -> (fewest arguments, most, what it does). Halves round to even."""
