"""A size as a function of the input's size along one axis: a staircase that repeats, climbing, with a period.

Every shape rule is floor((size + shift) / divisor) · factor + plus, or a constant, so whatever a chain of ops makes of the
input's size d is a monotone staircase f with f(d + period) = f(d) + growth, told exactly by the steps of one period.
However long the period, the steps are few: one for any chain of convolutions and pools.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from math import gcd, lcm
from typing import Final

MAX_STEPS: Final = 4096


class Undecided(Exception):
    """The sizes interlock in more ways than are followed."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What an op makes of a size: floor((size + shift) / divisor) · factor + plus; a factor of 0 makes it constant."""

    shift: int = 0
    divisor: int = 1
    factor: int = 1
    plus: int = 0

    def __call__(self, size: int) -> int:
        """The size that comes out."""
        return (size + self.shift) // self.divisor * self.factor + self.plus


KEEP: Final = Rule()


@dataclass(frozen=True, slots=True)
class Steps:
    """`values[i]` from `starts[i]` on, up to the next start; `growth` more each `period`.

    The starts ascend within 0 to period - 1 and the values ascend, so that equal functions are equal objects.
    """

    period: int
    growth: int
    starts: tuple[int, ...]
    values: tuple[int, ...]

    @property
    def constant(self) -> int | None:
        """The value, if there is only one."""
        return None if self.growth else self.values[0]

    def at(self, size: int) -> int:
        """The value at an input of `size`."""
        if not self.growth:
            return self.values[0]
        periods, rest = divmod(size, self.period)
        index = bisect_right(self.starts, rest) - 1
        return self.values[index] + (periods if index >= 0 else periods - 1) * self.growth

    def first(self, value: int) -> int:
        """The least input size that gives `value` or more; only where the function grows."""
        periods, rest = divmod(value - self.values[0], self.growth)
        index = bisect_left(self.values, self.values[0] + rest)
        if index == len(self.values):
            periods, index = periods + 1, 0
        return self.starts[index] + periods * self.period

    def map(self, rule: Rule) -> Steps:
        """What `rule` makes of the value. Raises Undecided where the steps become too many."""
        if not self.growth or not rule.factor:
            return constant(rule(self.values[0]))
        if rule.divisor == 1:
            growth = self.growth * rule.factor
            return Steps(self.period, growth, self.starts, tuple(rule(value) for value in self.values))
        common = gcd(self.growth, rule.divisor)
        copies, results = rule.divisor // common, self.growth // common
        period, growth = self.period * copies, results * rule.factor
        if results < copies * len(self.starts):
            lowest = (self.at(0) + rule.shift) // rule.divisor + 1
            starts = (self.first((lowest + more) * rule.divisor - rule.shift) for more in range(_bounded(results)))
        else:
            places = range(_bounded(copies * len(self.starts)))
            count = len(self.starts)
            starts = (self.starts[at % count] + at // count * self.period for at in places)
        return _normal(period, growth, ((start, rule(self.at(start))) for start in starts))


def constant(value: int) -> Steps:
    """The function that is `value` whatever the input's size."""
    return Steps(1, 0, (0,), (value,))


IDENTITY: Final = Steps(1, 1, (0,), (0,))
"""The input's size itself."""


def total(parts: list[Steps]) -> Steps:
    """The sum of functions. Raises Undecided where its steps become too many."""
    period = lcm(*(part.period for part in parts))
    growth = sum(part.growth * (period // part.period) for part in parts)
    if not growth:
        return constant(sum(part.values[0] for part in parts))
    _bounded(sum(period // part.period * len(part.starts) for part in parts if part.growth))
    starts = {
        start + shift
        for part in parts
        if part.growth
        for shift in range(0, period, part.period)
        for start in part.starts
    }
    return _normal(period, growth, ((start, sum(part.at(start) for part in parts)) for start in starts))


def _bounded(count: int) -> int:
    if count > MAX_STEPS:
        raise Undecided
    return count


def _normal(period: int, growth: int, steps: Iterable[tuple[int, int]]) -> Steps:
    """The steps brought within one period from 0, those that do not rise left out."""
    found = {start % period: value - start // period * growth for start, value in steps}
    starts = sorted(found)
    kept = [start for at, start in enumerate(starts) if found[start] != found[starts[at - 1]] - (0 if at else growth)]
    return Steps(period, growth, tuple(kept), tuple(found[start] for start in kept))
