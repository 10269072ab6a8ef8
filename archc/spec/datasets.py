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
    mean: tuple[float, ...]
    std: tuple[float, ...]
    """Of the pictures to train on, each channel's values from 0 to 1."""
    names: tuple[str, ...] = ()
    """Of the classes; empty where they are their numbers."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, in the order of their numbers."""
        return self.names or tuple(map(str, range(self.classes)))


FASHION: Final = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
CIFAR10: Final = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CIFAR100: Final = (
    "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle "
    "caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish "
    "forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle "
    "mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine "
    "possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar "
    "sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle wardrobe whale "
    "willow_tree wolf woman worm"
)
"""The fine labels, in the order of the alphabet."""


DATA_SETS: Final[Mapping[str, DataSet]] = {
    "fashion_mnist": DataSet("Fashion-MNIST", 1, 28, 28, 10, 60_000, 10_000, (0.2860,), (0.3530,), FASHION),
    "mnist": DataSet("MNIST", 1, 28, 28, 10, 60_000, 10_000, (0.1307,), (0.3081,)),
    "cifar10": DataSet(
        "CIFAR-10", 3, 32, 32, 10, 50_000, 10_000, (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616), CIFAR10
    ),
    "cifar100": DataSet(
        "CIFAR-100",
        3,
        32,
        32,
        100,
        50_000,
        10_000,
        (0.5071, 0.4865, 0.4409),
        (0.2673, 0.2564, 0.2762),
        tuple(CIFAR100.split()),
    ),
    # scikit-learn's, in one piece: every fifth picture, the one at index 4 first, is for the test.
    "digits": DataSet("the digits of scikit-learn", 1, 8, 8, 10, 1_438, 359, (0.3059,), (0.3763,)),
}
"""By the word that `train.data` has for each."""

SYNTHETIC_EXAMPLES: Final = 1_024
"""How many examples `synthetic` makes where `examples` does not say."""
