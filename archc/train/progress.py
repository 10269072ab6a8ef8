"""Where a run stands: plain numbers, which a checkpoint holds beside the tensors."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any


class Unfit(Exception):
    """A progress that was written cannot be read."""


@dataclass(slots=True)
class Sums:
    """Over the batches of an epoch: the losses of examples, right answers, examples."""

    loss: float = 0.0
    right: float = 0.0
    count: float = 0.0

    def add(self, loss: float, right: float, count: float) -> None:
        """Count a batch with its mean loss."""
        self.loss += loss * count
        self.right += right
        self.count += count

    @property
    def mean_loss(self) -> float:
        """Of an example."""
        return self.loss / self.count if self.count else 0.0

    @property
    def accuracy(self) -> float:
        """The share of right answers."""
        return self.right / self.count if self.count else 0.0


@dataclass(slots=True)
class Row:
    """What an epoch came to; an accuracy is None where answers are neither right nor wrong."""

    epoch: int
    """From 1."""
    step: int
    lr: float
    train_loss: float
    train_accuracy: float | None
    test_loss: float
    test_accuracy: float | None
    seconds: float
    """Since the run began, without the times between."""

    @property
    def score(self) -> float:
        """The larger, the better: the test accuracy, or else less of the test loss."""
        return self.test_accuracy if self.test_accuracy is not None else -self.test_loss


@dataclass(slots=True)
class Progress:
    """Epochs, batches and steps count what is done."""

    epoch: int = 0
    batch: int = 0
    """Of the epoch."""
    step: int = 0
    lr: float = 0.0
    """Of the last step."""
    examples: int = 0
    seconds: float = 0.0
    """Spent in the run, the testing of epochs included."""
    training: float = 0.0
    """Of these, the seconds spent in training itself."""
    tested: int = 0
    """The step after which the network was last tested."""
    sums: Sums = field(default_factory=Sums)
    rows: list[Row] = field(default_factory=list)

    @property
    def best(self) -> Row | None:
        """The first of the best epochs."""
        return max(self.rows, key=lambda row: row.score) if self.rows else None

    @property
    def waited(self) -> int:
        """Epochs since the best one."""
        best = self.best
        return self.rows[-1].epoch - best.epoch if best is not None else 0

    def ended_by(self, epochs: int, max_steps: int | None, patience: int | None) -> str:
        """The setting that has ended the run; "" where there is something to do, be it the last test."""
        if self.epoch >= epochs:
            return "epochs"
        if patience is not None and self.rows and self.waited >= patience:
            return "patience"
        return "max_steps" if max_steps is not None and self.step >= max_steps and self.tested == self.step else ""

    def to_json(self) -> str:
        """As text; numbers come back exactly."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Progress:
        """The progress that was written. Raises Unfit."""
        try:
            data = json.loads(text)
            data.setdefault("tested", data["step"])  # what wrote none had tested where it ended
            made = cls(**{**data, "sums": _made(Sums, data["sums"]), "rows": [_made(Row, row) for row in data["rows"]]})
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise Unfit(str(error)) from error
        if not all(isinstance(value, int) and value >= 0 for value in (made.epoch, made.batch, made.step)):
            raise Unfit("its counts are no natural numbers")
        return made


def _made(kind: Any, data: Any) -> Any:
    names = {one.name for one in fields(kind)}
    if not isinstance(data, dict) or set(data) != names:
        raise ValueError(f"{kind.__name__} needs {', '.join(sorted(names))}")
    return kind(**data)
