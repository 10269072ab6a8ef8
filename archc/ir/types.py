"""Dimensions and tensor types: what flows along an edge of the graph, without the batch."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Literal

Dim = int | None
"""A size; `None` means unknown after an earlier mistake, and silences what depends on it."""

Layout = Literal["channels_first", "channels_last"]


@dataclass(frozen=True, slots=True)
class TensorType:
    """The type of one value: channels, spatial sizes (none for plain features) and where the channels stand."""

    channels: Dim
    spatial: tuple[Dim, ...] = ()
    layout: Layout = "channels_first"

    @property
    def rank(self) -> int:
        """The number of spatial axes: 0 for features, 1 for a sequence, 2 for a picture, 3 for a volume."""
        return len(self.spatial)

    @property
    def channel_axis(self) -> int:
        """The axis of the channels, the batch being axis 0."""
        return 1 if self.layout == "channels_first" else 1 + self.rank

    @property
    def dims(self) -> tuple[Dim, ...]:
        """All sizes but the batch, in memory order, unknown ones included."""
        if self.layout == "channels_first":
            return (self.channels, *self.spatial)
        return (*self.spatial, self.channels)

    @property
    def shape(self) -> tuple[int, ...]:
        """All sizes but the batch, in memory order. Raises ValueError where one is unknown."""
        dims = tuple(d for d in self.dims if d is not None)
        if len(dims) != self.rank + 1:
            raise ValueError(f"unknown size in {self}")
        return dims

    @property
    def size(self) -> int:
        """Elements per example."""
        return prod(self.shape)

    @property
    def is_known(self) -> bool:
        """Whether every size is."""
        return None not in self.dims

    def __str__(self) -> str:
        return "(" + ", ".join(["N", *("?" if d is None else str(d) for d in self.dims)]) + ")"
