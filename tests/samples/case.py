"""One sample of somebody else: what goes in, what comes out, and the op of ours that says the same, if one does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archc.ir import TensorType
from archc.ir.ops import Op

Sizes = tuple[int, ...]


class Excluded(Exception):
    """Our ops cannot say the sample; the text says why, in words that are the same for all such samples."""


@dataclass(frozen=True)
class Sample:
    """A sample that an op of ours says, with the shape that others give it."""

    source: str
    operator: str
    name: str
    op: Op
    inputs: tuple[TensorType, ...]
    expected: Sizes
    """Without the batch."""

    @property
    def fault(self) -> str:
        """What the shape rule says otherwise; "" if nothing."""
        for violation in self.op.requires(*self.inputs):
            return f"refused: {violation.message}, {violation.label}"
        found = self.op.infer(*self.inputs)
        if not found.is_known:
            return "not known"
        return "" if found.shape == self.expected else f"{found.shape} for {self.expected}"


def first(shape: Sequence[int]) -> TensorType:
    """The type of a batch with its channels first. Raises Excluded."""
    if len(shape) < 2:
        raise Excluded("no batch")
    if len(shape) > 5:
        raise Excluded("more than three spatial axes")
    if 0 in shape:
        raise Excluded("an empty tensor")
    return TensorType(shape[1], tuple(shape[2:]))


def last(shape: Sequence[int]) -> TensorType:
    """The type of a batch with its channels last. Raises Excluded."""
    kept = first(shape)
    if len(shape) == 2:
        return kept
    return TensorType(shape[-1], tuple(shape[1:-1]), "channels_last")


def by_axis(shape: Sequence[int], axis: int) -> TensorType:
    """The type in which `axis` is that of the channels. Raises Excluded."""
    axis %= max(len(shape), 1)
    if axis == 1:
        return first(shape)
    if axis == len(shape) - 1 and axis:
        return last(shape)
    raise Excluded("another axis than the channels'")


def each(value: int | Sequence[int], rank: int) -> Sizes:
    """A size for each axis."""
    sizes = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    return tuple(int(size) for size in (sizes * rank if len(sizes) == 1 else sizes))


def whole_factors(before: Sequence[int], after: Sequence[int]) -> Sizes:
    """The whole numbers by which sizes grow. Raises Excluded."""
    if any(size == 0 or big % size or big < size for size, big in zip(before, after, strict=True)):
        raise Excluded("resized by no whole factor")
    return tuple(big // size for size, big in zip(before, after, strict=True))


def even_part(start: int, size: int, channels: int) -> tuple[int, int]:
    """(chunks, index) of a part of the channels. Raises Excluded."""
    if size <= 0 or channels % size or start % size:
        raise Excluded("a part that is no equal chunk")
    return channels // size, start // size
