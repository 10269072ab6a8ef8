"""Examples with their labels, in memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

Array = NDArray[Any]
Batch = tuple[torch.Tensor, torch.Tensor]


class Unreadable(Exception):
    """An example cannot be read."""


class Damaged(Exception):
    """A file of a data set is not what it should be; the text says how, as part of a sentence."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(why)
        self.path = path


class Examples(Protocol):
    """Examples that can be had by their indices: inputs (N, ...), uint8 for pictures, and labels (N, ...)."""

    in_memory: bool

    def __len__(self) -> int: ...

    def get(self, indices: NDArray[np.int64]) -> Batch:
        """The inputs and labels of some examples. Raises Unreadable."""


class Held:
    """Examples held in memory: pictures as uint8 (N, C, H, W), anything else as float32."""

    in_memory = True

    def __init__(self, inputs: Array, labels: Array) -> None:
        self.inputs, self.labels = torch.from_numpy(inputs), torch.from_numpy(labels)

    def __len__(self) -> int:
        return len(self.labels)

    def get(self, indices: NDArray[np.int64]) -> Batch:
        """The inputs and labels of some examples."""
        at = torch.from_numpy(indices)
        return self.inputs.index_select(0, at), self.labels.index_select(0, at)


@dataclass(frozen=True, slots=True)
class Data:
    """What a run trains and tests on."""

    train: Examples
    test: Examples
    classes: tuple[str, ...]
    """The names of the classes; empty where labels are no classes."""
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    """Of the values from 0 to 1 of each channel, where they are known of the data set."""
    folder: str = ""
    """Where it was read from."""
