"""The batches of an epoch, from any of them on; each process has its share of each batch."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from archc.train.data.examples import Examples, Unreadable

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor, float]
"""Inputs, labels, indices, and the weight of the process's mean loss in that of the batch (times the processes)."""


@dataclass(frozen=True, slots=True)
class Share:
    """Which process this is, of how many."""

    rank: int = 0
    world: int = 1

    def of(self, indices: NDArray[np.int64]) -> tuple[NDArray[np.int64], float]:
        """This process's part of a batch, and its weight; a process without examples gets one that weighs nothing."""
        part = np.array_split(indices, self.world)[self.rank]
        if not len(part):
            return indices[:1], 0.0
        return part, len(part) * self.world / len(indices)


class Batches(Dataset[Batch]):
    """The batches of an order of examples, from the batch `first` on; iterating again gives them again."""

    def __init__(
        self,
        examples: Examples,
        order: NDArray[np.int64],
        size: int,
        share: Share | None = None,
        *,
        first: int = 0,
        drop_last: bool = False,
        workers: int | None = None,
    ) -> None:
        self.examples, self.order, self.size, self.first = examples, order, size, first
        self.share = share or Share()
        self.workers = min(workers if workers is not None else os.cpu_count() or 1, 16)
        self.count = len(order) // size if drop_last else -(-len(order) // size)
        """Of the whole epoch."""

    def __len__(self) -> int:
        return max(0, self.count - self.first)

    def __getitem__(self, at: int) -> Batch:
        if at >= len(self):
            raise IndexError(at)
        start = (self.first + at) * self.size
        part, weight = self.share.of(self.order[start : start + self.size])
        inputs, labels = self.examples.get(part)
        return inputs, labels, torch.from_numpy(part), weight

    def __iter__(self) -> Iterator[Batch]:
        if self.examples.in_memory or not self.workers:
            for at in range(len(self)):
                yield self[at]
            return
        workers = min(self.workers, len(self))
        loader: Any = DataLoader(_Told(self), batch_size=None, num_workers=workers, worker_init_fn=_begin)
        for batch in loader:
            if isinstance(batch, Unreadable):
                raise batch
            yield batch


class _Told(Dataset[Any]):
    """The same batches; a picture that cannot be read comes as what would be raised, which a worker would bury in text."""

    def __init__(self, batches: Batches) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, at: int) -> Batch | Unreadable:
        try:
            return self.batches[at]
        except Unreadable as error:
            return error


def _begin(_: int) -> None:
    """A worker ends with the run, which alone answers to signals."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
