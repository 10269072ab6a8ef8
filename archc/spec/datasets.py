"""Data sets that are known by name: what an example is, how many classes and examples there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class DataSet:
    """A known set of pictures, each of one class."""

    title: str
    channels: int
    height: int
    width: int
    classes: int
    train: int
    """Examples to train on."""
    test: int


DATA_SETS: Final[Mapping[str, DataSet]] = {
    "fashion_mnist": DataSet("Fashion-MNIST", 1, 28, 28, 10, 60_000, 10_000),
    "mnist": DataSet("MNIST", 1, 28, 28, 10, 60_000, 10_000),
    "cifar10": DataSet("CIFAR-10", 3, 32, 32, 10, 50_000, 10_000),
    "cifar100": DataSet("CIFAR-100", 3, 32, 32, 100, 50_000, 10_000),
    # scikit-learn's, in one piece: every fifth picture, the one at index 4 first, is for the test.
    "digits": DataSet("the digits of scikit-learn", 1, 8, 8, 10, 1_438, 359),
}
"""By the word that `train.data` has for each."""

SYNTHETIC_EXAMPLES: Final = 1_024
"""How many examples `synthetic` makes where `examples` does not say."""
