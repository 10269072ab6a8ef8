"""How well a trained network does on the examples to test on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import torch
from torchmetrics import Metric
from torchmetrics.classification import MulticlassAccuracy, MulticlassConfusionMatrix

from archc.api import Spec
from archc.train.batches import Batches
from archc.train.data import Data, Places, load_data
from archc.train.data.examples import Unreadable
from archc.train.faults import fault, finite
from archc.train.objective import Objective, objective_of
from archc.train.pictures import Pictures, pictures_of
from archc.train.progress import Sums
from archc.train.settings import Settings
from archc.train.trained import Outputs, Trained

TOP: Final = 5
MISTAKES: Final = 3
"""Pairs of classes that are told as the most confused."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation came to; None where answers are neither right nor wrong."""

    name: str
    """Of the network."""
    model: str
    """The file that the weights are from."""
    data: str
    examples: int
    loss: float
    accuracy: float | None
    top5_accuracy: float | None
    """The share of examples whose class is among the five most likely; None for five classes or fewer."""
    mean_iou: float | None
    """Where labels are maps: the mean over classes of what is rightly taken for one, as a share of all that is or was taken for it."""
    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    """How often each class (a row) was taken for each class (a column)."""

    def to_json(self) -> dict[str, Any]:
        """Under stable names."""
        found: dict[str, Any] = finite({one.name: getattr(self, one.name) for one in fields(self)})
        return found

    def lines(self) -> list[str]:
        """As people read it."""
        parts = [f"loss {self.loss:.4f}"]
        if self.accuracy is not None:
            parts.append(f"accuracy {self.accuracy:.4f}")
        if self.top5_accuracy is not None:
            parts.append(f"top-5 accuracy {self.top5_accuracy:.4f}")
        if self.mean_iou is not None:
            parts.append(f"mean IoU {self.mean_iou:.4f}")
        lines = [f"{self.model} on {self.data}, {self.examples:,} examples to test on", ", ".join(parts)]
        mistakes = [f"{one} for {other} ({count:,})" for count, one, other in self.mistakes()[:MISTAKES]]
        return lines + ([f"most often it took {', '.join(mistakes)}"] if mistakes else [])

    def mistakes(self) -> list[tuple[int, str, str]]:
        """How often which class was taken for which other one, the most frequent first."""
        found = [
            (count, self.classes[row], self.classes[column])
            for row, counts in enumerate(self.confusion)
            for column, count in enumerate(counts)
            if count and row != column
        ]
        return sorted(found, key=lambda one: -one[0])


def evaluate(trained: Trained, spec: Spec, settings: Settings, places: Places, download: bool) -> Evaluation:
    """Run a network on the examples that `train.data` has to test on. Raises SpecError.

    `spec` says what they are, how they are labelled and what the loss is; all is computed in float32.
    """
    data = load_data(settings, places, download)
    _check_names(trained, data)
    objective = objective_of(spec.graph, settings)
    pictures = pictures_of(settings, data) if trained.ends is None else Pictures.of_ends(trained.ends)
    score = _Score(objective, data, trained, settings.label.type == "map")
    try:
        for inputs, labels, indices in _batches(data, settings):
            score.add(trained.answer(pictures(inputs, indices, None)), labels)
    except Unreadable as error:
        raise fault("A0803", str(error), settings.spans["data"], "mend or remove the file") from None
    return score.result(spec.graph.name, settings.data.type)


def _batches(data: Data, settings: Settings) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    order = np.arange(len(data.test))
    workers = settings.data.get("workers")
    for inputs, labels, indices, _ in Batches(data.test, order, settings.batch_size, workers=workers):
        yield inputs, labels, indices


def _check_names(trained: Trained, data: Data) -> None:
    """Refuse a network that has learned other classes."""
    names = trained.ends.classes if trained.ends is not None else ()
    if names and data.classes and names != data.classes:
        message = f"the network tells {len(names)} classes apart, the data has {len(data.classes)}"
        if len(names) == len(data.classes):
            one, other = next((a, b) for a, b in zip(names, data.classes, strict=True) if a != b)
            message = f"the network knows the class `{one}` where the data has `{other}`"
        raise fault("A0810", message, trained.path, "name the data that it was trained on by `--data DIR`")


class _Score:
    """Counts answers."""

    def __init__(self, objective: Objective, data: Data, trained: Trained, is_map: bool) -> None:
        self.objective, self.data, self.trained, self.is_map = objective, data, trained, is_map
        self.sums, self.examples = Sums(), 0
        ignored = objective.ignored
        self.classes = data.classes if objective.counts else ()
        self.confusion: Metric | None = None
        self.top: Metric | None = None
        if self.classes:
            self.confusion = MulticlassConfusionMatrix(len(self.classes), ignore_index=ignored)
        if len(self.classes) > TOP and objective.counts == "classes":
            self.top = MulticlassAccuracy(len(self.classes), top_k=TOP, average="micro", ignore_index=ignored)

    def add(self, outputs: Outputs, labels: torch.Tensor) -> None:
        """Count a batch."""
        given = self._chosen(outputs)
        loss = float(self.objective.loss(outputs, labels, training=False))
        right = self.objective.right(outputs, labels, training=False)
        hits, count = right if right is not None else (0.0, len(labels))
        self.sums.add(loss, float(hits), count)
        self.examples += len(labels)
        if self.confusion is None:
            return
        if self.objective.counts == "threshold":
            self.confusion.update((given > self.objective.threshold).long().flatten(), (labels > 0.5).long().flatten())
            return
        wanted = labels.argmax(1) if labels.is_floating_point() else labels
        self.confusion.update(given.argmax(1), wanted)
        if self.top is not None:
            self.top.update(given, wanted)

    def _chosen(self, outputs: Outputs) -> torch.Tensor:
        """The output that is counted. Raises SpecError where the network's outputs are others than the spec's."""
        live = self.objective.live
        at = next(at for at, weight in enumerate(live.values()) if weight)
        count = len(self.classes)
        if len(outputs) != len(live):
            message = f"the network has {len(outputs)} outputs, its spec {len(live)}"
            raise fault("A0810", message, self.trained.path, "compile it again")
        given = outputs[at]
        if self.objective.counts == "classes" and (given.ndim < 2 or given.shape[1] != count):
            message = f"the network's output is {tuple(given.shape)}, the data has {count} classes"
            raise fault("A0810", message, self.trained.path, "name the data that it was trained on by `--data DIR`")
        return given

    def result(self, name: str, data: str) -> Evaluation:
        """What it came to."""
        table = self.confusion.compute().tolist() if self.confusion is not None else []
        return Evaluation(
            name,
            str(self.trained.path),
            data,
            self.examples,
            self.sums.mean_loss,
            self.sums.accuracy if self.objective.counts else None,
            self._top_accuracy(),
            _mean_iou(table) if self.is_map else None,
            self.classes,
            tuple(map(tuple, table)),
        )

    def _top_accuracy(self) -> float | None:
        if self.top is None or self.confusion is None:
            return None
        counted = int(self.confusion.compute().sum())  # positions, where labels are maps
        return round(float(self.top.compute()) * counted) / counted  # torchmetrics rounds to float32


def _mean_iou(table: list[list[int]]) -> float | None:
    """The mean intersection over union (Long, Shelhamer and Darrell, 2015) of the classes that are there or are told."""
    counts = np.array(table, np.float64)
    both = counts.diagonal()
    either = counts.sum(0) + counts.sum(1) - both
    return float((both[either > 0] / either[either > 0]).mean()) if either.any() else None
