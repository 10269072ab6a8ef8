"""A set of input sizes, exact: what is in it below some size, and which remainders repeat from there on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import lcm
from typing import Final

LIMIT: Final = 2**20
"""The greatest size that an input may have. Sets that repeat less often than this are held size by size."""

SHOWN: Final = 8

Range = tuple[int, int]


@dataclass(frozen=True, slots=True, repr=False)
class ValidSizes:
    """A set of sizes from 1, as bits: those below `start` in `head`, the remainders by `period` of the others in `tail`.

    Canonical: the period and the start are the least ones, so equal sets are equal objects.
    """

    head: int
    start: int
    period: int
    tail: int

    def __contains__(self, size: int) -> bool:
        bits, at = (self.head, size) if size < self.start else (self.tail, size % self.period)
        return size > 0 and bool(bits >> at & 1)

    def __and__(self, other: ValidSizes) -> ValidSizes:
        start, period, (head, more_head), (tail, more_tail) = _aligned(self, other)
        return _canonical(head & more_head, start, period, tail & more_tail)

    def __or__(self, other: ValidSizes) -> ValidSizes:
        start, period, (head, more_head), (tail, more_tail) = _aligned(self, other)
        return _canonical(head | more_head, start, period, tail | more_tail)

    def __sub__(self, other: ValidSizes) -> ValidSizes:
        start, period, (head, more_head), (tail, more_tail) = _aligned(self, other)
        return _canonical(head & ~more_head, start, period, tail & ~more_tail)

    def __str__(self) -> str:
        return describe(self)

    def __repr__(self) -> str:
        return f"<{describe(self)}>"

    def first(self, least: int = 1) -> int | None:
        """The least size of the set that is `least` or more."""
        head = self.head >> least
        if head:
            return least + _lowest(head)
        from_ = max(least, self.start)
        turned = _rotated(self.tail, self.period, from_)
        return from_ + _lowest(turned) if turned else None

    def last(self, greatest: int) -> int | None:
        """The greatest size of the set that is `greatest` or less."""
        bits = _bits(self, greatest + 1)
        return bits.bit_length() - 1 if bits else None

    def ranges(self) -> Iterator[Range]:
        """The sizes below `start`, as first and last of each run."""
        return _runs(self.head)

    def remainders(self) -> Iterator[Range]:
        """The remainders by `period` that every size from `start` may leave, as first and last of each run."""
        return _runs(self.tail)

    def data(self) -> dict[str, object]:
        """As plain data: ranges, and from which size on which remainders repeat with which period."""
        ranges = [list(found) for found in self.ranges()]
        repeats = {
            "from": self.start,
            "period": self.period,
            "remainders": [list(found) for found in self.remainders()],
        }
        return {"ranges": ranges, "repeats": repeats if self.tail else None}


NONE: Final = ValidSizes(0, 1, 1, 0)
ALL: Final = ValidSizes(0, 1, 1, 1)


def from_(least: int) -> ValidSizes:
    """Every size from `least` on."""
    return ValidSizes(0, max(least, 1), 1, 1) if least <= LIMIT else NONE


def between(first: int, last: int) -> ValidSizes:
    """The sizes from `first` to `last`."""
    first, last = max(first, 1), min(last, LIMIT)
    return _canonical((1 << last + 1) - (1 << first), last + 1, 1, 0) if first <= last else NONE


def union(ranges: list[Range]) -> ValidSizes:
    """The sizes in any of some ranges of sizes."""
    bits = 0
    for first, last in ranges:
        first, last = max(first, 1), min(last, LIMIT)
        if first <= last:
            bits |= (1 << last + 1) - (1 << first)
    return _canonical(bits, LIMIT + 1, 1, 0)


def repeating(period: int, ranges: list[Range]) -> ValidSizes:
    """The sizes in any of some ranges, each shorter than the period, or in one moved by a multiple of it."""
    tail = 0
    for first, last in ranges:
        bits = (1 << last - first + 1) - 1 << first % period
        tail |= (bits | bits >> period) & (1 << period) - 1
    return _canonical(0, 1, period, tail)


def multiples(step: int) -> ValidSizes:
    """The multiples of `step`."""
    return repeating(step, [(0, 0)]) if step <= LIMIT else NONE


def describe(found: ValidSizes) -> str:
    """The set in words: `every size from 33`, `multiples of 16 from 16`, `224 to 255`."""
    ranges = [_span(one) for one in found.ranges()]
    parts = [*ranges[:SHOWN], *(["..."] if len(ranges) > SHOWN else [])]
    if found.tail:
        parts.append(_repeated(found))
    return ", ".join(parts[:-1]) + " and " + parts[-1] if found.tail and ranges else ", ".join(parts) or "none"


def _repeated(found: ValidSizes) -> str:
    if found.period == 1:
        return f"every size from {found.start}"
    least = found.first(found.start) or 0
    if found.tail == 1:
        return f"multiples of {found.period} from {least}"
    turned = [(a + least, b + least) for a, b in _runs(_rotated(found.tail, found.period, least))]
    shown = ", ".join(_span(one) for one in turned[:SHOWN]) + (", ..." if len(turned) > SHOWN else "")
    return f"{shown} and so on in steps of {found.period}"


def _span(found: Range) -> str:
    return str(found[0]) if found[0] == found[1] else f"{found[0]} to {found[1]}"


def _runs(bits: int) -> Iterator[Range]:
    return ((found.start(), found.end() - 1) for found in re.finditer("1+", bin(bits)[:1:-1]))


def _lowest(bits: int) -> int:
    return (bits & -bits).bit_length() - 1


def _rotated(tail: int, period: int, by: int) -> int:
    """The remainders counted from `by`."""
    by %= period
    return tail >> by | (tail & (1 << by) - 1) << period - by


def _tiled(tail: int, period: int, length: int) -> int:
    """The bits of `tail` repeated over `length` sizes from 0."""
    while period < length and tail:
        tail |= tail << period
        period *= 2
    return tail & (1 << length) - 1


def _bits(found: ValidSizes, length: int) -> int:
    """The set below `length`, as bits."""
    if length <= found.start:
        return found.head & (1 << length) - 1
    below = (1 << found.start) - 1
    return found.head & below | _tiled(found.tail, found.period, length) & ~below


def _aligned(a: ValidSizes, b: ValidSizes) -> tuple[int, int, tuple[int, int], tuple[int, int]]:
    """Two sets with one start and one period. Past LIMIT no size exists, so what repeats less often does not repeat."""
    period, start = lcm(a.period, b.period), max(a.start, b.start)
    if period > LIMIT:
        length = LIMIT + 1
        return length, 1, (_bits(a, length), _bits(b, length)), (0, 0)
    tails = _tiled(a.tail, a.period, period), _tiled(b.tail, b.period, period)
    return start, period, (_bits(a, start), _bits(b, start)), tails


def _canonical(head: int, start: int, period: int, tail: int) -> ValidSizes:
    """The same set with the least period and the least start."""
    head &= ~1
    for factor in _primes(period):
        shorter = period // factor
        if tail & (1 << period - shorter) - 1 == tail >> shorter:
            period, tail = shorter, tail & (1 << shorter) - 1
    start = max((head ^ _tiled(tail, period, start) & ~1).bit_length(), 1)
    return ValidSizes(head & (1 << start) - 1, start, period, tail)


def _primes(number: int) -> Iterator[int]:
    """The prime factors of a number, each as often as it divides it."""
    factor = 2
    while factor * factor <= number:
        while number % factor == 0:
            yield factor
            number //= factor
        factor += 1
    if number > 1:
        yield number
