"""Ops on several values: add, multiply, concat. Nothing broadcasts but multiply, over spatial axes of size 1."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from archc.ir.ops.base import Op, Violation
from archc.ir.ops.conv import axis_name
from archc.ir.types import Dim, TensorType


def differs(a: Dim, b: Dim) -> bool:
    """Whether two sizes are known to differ."""
    return a is not None and b is not None and a != b


def same_form(kind: str, inputs: tuple[TensorType, ...]) -> Iterator[Violation]:
    """All inputs must have the same number of axes, in the same order."""
    first = inputs[0]
    for index, x in enumerate(inputs[1:], start=1):
        if x.rank != first.rank or (x.rank and x.layout != first.layout):
            yield Violation(
                "A0301",
                f"{kind} joins values of different form",
                input=index,
                label=f"{x} meets {first}",
                help="give all inputs the same axes in the same order",
            )
            return


def same_channels(kind: str, inputs: tuple[TensorType, ...]) -> Iterator[Violation]:
    """All inputs must have the same channels."""
    first = inputs[0]
    for index, x in enumerate(inputs[1:], start=1):
        if differs(x.channels, first.channels):
            yield Violation(
                "A0304",
                f"{kind} joins branches that disagree on channels",
                input=index,
                label=f"{x.channels} channels meet {first.channels}",
                notes=("the inputs are " + " and ".join(str(i) for i in inputs),),
                help="give both branches the same out_channels, or project one with a 1×1 conv",
            )
            return


def same_sizes(kind: str, inputs: tuple[TensorType, ...], broadcast_ones: bool = False) -> Iterator[Violation]:
    """All inputs must have the same spatial sizes (those of 1 apart, where `broadcast_ones`)."""
    wanted = list(inputs[0].spatial)
    for index, x in enumerate(inputs[1:], start=1):
        if x.rank != inputs[0].rank or x.layout != inputs[0].layout:
            return
        for axis, (a, b) in enumerate(zip(x.spatial, wanted, strict=True)):
            if broadcast_ones and b == 1:
                wanted[axis] = a
            elif differs(a, b) and not (broadcast_ones and a == 1):
                yield Violation(
                    "A0305",
                    f"{kind} joins maps of different size",
                    input=index,
                    label=f"{axis_name(x.rank, axis)} {a} meets {b}",
                    notes=("the inputs are " + " and ".join(str(i) for i in inputs),),
                    help="give both branches the same strides and paddings, or an input size that they divide",
                )
                return


def first_of(*constraints: Iterator[Violation]) -> Iterator[Violation]:
    """The first violation of several constraints: branches that do not go together are one mistake."""
    found = next((violation for constraint in constraints for violation in constraint), None)
    if found is not None:
        yield found


def known(sizes: tuple[Dim, ...]) -> Dim:
    """The size that all inputs share; unknown where none is known or where they differ."""
    found = {size for size in sizes if size is not None}
    return found.pop() if len(found) == 1 else None


@dataclass(frozen=True, slots=True)
class Add(Op):
    """The sum of values of one type; keeps it."""

    arity: ClassVar[int | None] = None

    def requires(self, *inputs: TensorType) -> Iterator[Violation]:
        yield from first_of(same_form("add", inputs), same_channels("add", inputs), same_sizes("add", inputs))

    def infer(self, *inputs: TensorType) -> TensorType:
        spatial = tuple(known(sizes) for sizes in zip(*(x.spatial for x in inputs), strict=False))
        return TensorType(known(tuple(x.channels for x in inputs)), spatial, inputs[0].layout)


@dataclass(frozen=True, slots=True)
class Multiply(Op):
    """The product of values of one type; spatial axes of size 1 stretch: (N, C, 1, 1) × (N, C, H, W) -> (N, C, H, W)."""

    arity: ClassVar[int | None] = None

    def requires(self, *inputs: TensorType) -> Iterator[Violation]:
        sizes = same_sizes("multiply", inputs, broadcast_ones=True)
        yield from first_of(same_form("multiply", inputs), same_channels("multiply", inputs), sizes)

    def infer(self, *inputs: TensorType) -> TensorType:
        spatial = tuple(stretched(sizes) for sizes in zip(*(x.spatial for x in inputs), strict=False))
        return TensorType(known(tuple(x.channels for x in inputs)), spatial, inputs[0].layout)


def stretched(sizes: tuple[Dim, ...]) -> Dim:
    """The size of an axis after multiply: 1 gives way to any other."""
    if None in sizes:
        return None
    return known(tuple(size for size in sizes if size != 1) or (1,))


@dataclass(frozen=True, slots=True)
class Concat(Op):
    """Values joined on their channels: (N, C1, *S), (N, C2, *S) -> (N, C1 + C2, *S)."""

    arity: ClassVar[int | None] = None

    def requires(self, *inputs: TensorType) -> Iterator[Violation]:
        yield from first_of(same_form("concat", inputs), same_sizes("concat", inputs))

    def infer(self, *inputs: TensorType) -> TensorType:
        channels = [x.channels for x in inputs if x.channels is not None]
        spatial = tuple(known(sizes) for sizes in zip(*(x.spatial for x in inputs), strict=False))
        return TensorType(sum(channels) if len(channels) == len(inputs) else None, spatial, inputs[0].layout)
