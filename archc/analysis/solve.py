"""At which input sizes a size that depends on it is what it has to be: at least so much, so much, or as much as another."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from math import gcd, lcm

from archc.analysis.size_set import ALL, LIMIT, NONE, Range, ValidSizes, between, from_, repeating, union
from archc.analysis.steps import MAX_STEPS, Steps, Undecided


def at_least(size: Steps, least: int) -> ValidSizes:
    """Where `size` is `least` or more."""
    if size.constant is not None:
        return ALL if size.constant >= least else NONE
    return from_(size.first(least))


def equal_to(size: Steps, value: int) -> ValidSizes:
    """Where `size` is `value`."""
    if size.constant is not None:
        return ALL if size.constant == value else NONE
    return between(*_where(size, value))


def divisible(size: Steps, by: int) -> ValidSizes:
    """Where `by` divides `size`. Raises Undecided."""
    if size.constant is not None:
        return NONE if size.constant % by else ALL
    common = gcd(size.growth, by)
    period, lowest = size.period * (by // common), -(-size.at(0) // by)
    repeats = period <= LIMIT
    count = size.growth // common if repeats else size.at(LIMIT) // by - lowest + 1
    if count > MAX_STEPS:
        raise Undecided
    ranges = [_where(size, (lowest + more) * by) for more in range(count)]
    found = [one for one in ranges if one[0] <= one[1]]
    return repeating(period, found) if repeats else union(found)


def agree(a: Steps, b: Steps) -> ValidSizes:
    """Where two sizes are the same. Raises Undecided."""
    if a == b:
        return ALL
    if a.constant is not None or b.constant is not None:
        moving, value = (a, b.values[0]) if b.constant is not None else (b, a.values[0])
        return equal_to(moving, value)
    coarse, fine = (a, b) if _density(a) <= _density(b) else (b, a)
    drift = coarse.growth * fine.period - fine.growth * coarse.period
    period = lcm(a.period, b.period)
    if not drift and period <= LIMIT:
        return repeating(period, list(_meetings(coarse, fine, 0, period - 1)))
    last = LIMIT if not drift else min(LIMIT, _parted(coarse, fine, abs(drift)))
    return union(list(_meetings(coarse, fine, 1, last)))


def broadcast(sizes: list[Steps]) -> tuple[ValidSizes, Steps, list[int]]:
    """Where sizes are the same, those of 1 apart; the widest in the long run; and where it is not. Raises Undecided."""
    moving = list(dict.fromkeys(size for size in sizes if size.constant != 1)) or sizes[:1]
    widest = max(moving, key=lambda size: size.growth / size.period)
    if len(moving) == 1:
        return ALL, widest, []
    good, doubtful = ALL, []
    for a, b in combinations(moving, 2):
        good &= equal_to(a, 1) | equal_to(b, 1) | agree(a, b)
    for first, last in (_where(size, 1) for size in moving if size.growth):
        if last > MAX_STEPS:
            raise Undecided
        for size in range(max(first, 1), last + 1):
            if size in good and widest.at(size) != max(one.at(size) for one in moving):
                doubtful.append(size)
    return good, widest, doubtful


def _density(size: Steps) -> float:
    return len(size.starts) / size.period


def _where(size: Steps, value: int) -> Range:
    """The first and the last input size that give `value`; the last before the first if none does."""
    return size.first(value), size.first(value + 1) - 1


def _meetings(coarse: Steps, fine: Steps, low: int, high: int) -> Iterator[Range]:
    """Where two sizes are the same within a range, step by step of the coarser one."""
    count = (high - low) // coarse.period * len(coarse.starts)
    if count > MAX_STEPS:
        raise Undecided
    size = low
    while size <= high:
        value = coarse.at(size)
        end = min(coarse.first(value + 1) - 1, high)
        first, last = _where(fine, value)
        first, last = max(first, size), min(last, end)
        if first <= last:
            yield first, last
        size = end + 1


def _parted(a: Steps, b: Steps, drift: int) -> int:
    """A size from which on two functions that climb at different rates are no longer the same."""
    period = a.period * b.period
    spread = sum(_spread(one) * period for one in (a, b)) // drift
    return spread + 1


def _spread(size: Steps) -> int:
    """A bound on how far the function is from the straight line through 0 with its rate."""
    return max(abs(value) for value in size.values) + 2 * size.growth
