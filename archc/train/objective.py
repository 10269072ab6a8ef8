"""The loss of a batch: that of each output that takes part, by its weight; and how many answers are right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch.nn import functional

from archc.ir.graph import Graph
from archc.spec.losses import LOSSES
from archc.train.settings import Settings

Tensor = torch.Tensor

FUNCTIONS: Final[Mapping[str, Callable[..., Tensor]]] = {
    "cross_entropy": functional.cross_entropy,
    "nll": functional.nll_loss,
    "bce_with_logits": functional.binary_cross_entropy_with_logits,
    "bce": functional.binary_cross_entropy,
    "mse": functional.mse_loss,
    "l1": functional.l1_loss,
    "smooth_l1": functional.smooth_l1_loss,
}
THRESHOLDS: Final = {"bce_with_logits": 0.0, "bce": 0.5}
"""The output above which one number says yes."""


@dataclass(frozen=True, slots=True)
class Objective:
    """What is minimised."""

    function: Callable[..., Tensor]
    options: Mapping[str, Any]
    training: Mapping[str, float]
    """The weight of each output that takes part, in the order of the outputs; in training mode."""
    live: Mapping[str, float]
    """The same outside training."""
    counts: str
    """How answers are counted: `classes` (the largest along axis 1), `threshold`, or "" where there are none."""
    threshold: float = 0.0
    ignored: int | None = None
    """The number of positions of a map that are left out, of the loss and of the count."""

    def loss(self, outputs: Tensor | tuple[Tensor, ...], labels: Tensor, training: bool) -> Tensor:
        """The weighted sum of the outputs' losses, each a mean over the batch."""
        weights = self.training if training else self.live
        tensors = _named(outputs, weights)
        parts = [weights[name] * self._one(tensor, labels) for name, tensor in tensors.items() if weights[name]]
        return torch.stack(parts).sum() if len(parts) > 1 else parts[0]

    def _one(self, output: Tensor, labels: Tensor) -> Tensor:
        if self.ignored is not None and not bool((labels != self.ignored).any()):
            return (
                output.float().sum() * 0.0
            )  # there is nothing to be wrong about; torch's mean of nothing is no number
        return self.function(output.float(), labels, **self.options)

    def right(self, outputs: Tensor | tuple[Tensor, ...], labels: Tensor, training: bool) -> tuple[Tensor, int] | None:
        """How often the first output that takes part is right, and of how often: at positions, where it is a map."""
        if not self.counts:
            return None
        weights = self.training if training else self.live
        name = next(name for name, weight in weights.items() if weight)
        output = _named(outputs, weights)[name].detach()
        if self.counts == "threshold":
            is_right = (output > self.threshold) == (labels > 0.5)
        else:
            wanted = labels.argmax(1) if labels.is_floating_point() else labels
            is_right = output.argmax(1) == wanted
            if self.ignored is not None:
                is_right = is_right[wanted != self.ignored]
        return is_right.sum(), is_right.numel()


def _named(outputs: Tensor | tuple[Tensor, ...], names: Mapping[str, float]) -> dict[str, Tensor]:
    return dict(zip(names, (outputs,) if isinstance(outputs, Tensor) else outputs, strict=True))


def objective_of(graph: Graph, settings: Settings) -> Objective:
    """The objective that the settings ask for; an output takes part with a weight of 1 unless they say another."""
    weights = {output.name: settings.weights.get(output.name, 1.0) for output in graph.outputs}
    live = {output.name: weights[output.name] for output in graph.live_outputs}
    smoothing = settings.loss.get("label_smoothing")
    options: dict[str, Any] = {"label_smoothing": smoothing} if smoothing else {}
    is_class = LOSSES[settings.loss.type].classes or settings.label.type in ("class_index", "map", "one_hot")
    is_binary = (
        settings.label.type == "float" and settings.loss.type in THRESHOLDS and settings.data.get("classes") == 2
    )
    counts = "classes" if is_class and settings.label.type != "float" else "threshold" if is_binary else ""
    if not any(live.values()):
        live = dict.fromkeys(live, 1.0)
    threshold = THRESHOLDS.get(settings.loss.type, 0.0)
    ignored = settings.label.get("ignore_index")
    if ignored is not None:
        options["ignore_index"] = ignored
    return Objective(FUNCTIONS[settings.loss.type], options, weights, live, counts, threshold, ignored)
