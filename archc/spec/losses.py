"""Losses: what each takes of the network's output and of the label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Scale = Literal["logits", "log-probabilities", "probabilities", "numbers"]


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss of PyTorch: whether it compares classes or elements, and on what scale it takes the output."""

    doc: str
    takes: Scale
    classes: bool = False
    """Whether it reads axis 1 of the output as the classes, and takes a class index; else it goes element by element."""
    soft: bool = False
    """Of a loss of classes: whether it also takes a probability for each class."""
    broadcasts: bool = False
    """Of a loss of elements: whether torch stretches the shapes to one another, with a warning only."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The encodings of labels that it takes."""
        if self.classes:
            return ("class_index", "map", "one_hot", "float") if self.soft else ("class_index", "map")
        return ("one_hot", "float")


LOSSES: Final[Mapping[str, Loss]] = {
    "cross_entropy": Loss(
        "torch's, of logits and a class index, or a probability for each class", "logits", True, True
    ),
    "nll": Loss("`nll_loss`, of log-probabilities and a class index", "log-probabilities", True),
    "bce_with_logits": Loss(
        "`binary_cross_entropy_with_logits`, of a logit and a number from 0 to 1 for each element", "logits"
    ),
    "bce": Loss("`binary_cross_entropy`, of two numbers from 0 to 1 for each element", "probabilities"),
    "mse": Loss("`mse_loss`, the squared difference of each element", "numbers", broadcasts=True),
    "l1": Loss("`l1_loss`, the absolute difference of each element", "numbers", broadcasts=True),
    "smooth_l1": Loss("`smooth_l1_loss`, squared where small and absolute where large", "numbers", broadcasts=True),
}
"""By the word that `train.loss` has for each."""
