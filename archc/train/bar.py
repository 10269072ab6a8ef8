"""A progress bar, where standard error is a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archc.train.task import Task


class Bar:
    """tqdm's bar over the batches of an epoch."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self._bar: Any = None
        self._is_shown = sys.stderr.isatty() and task.share.rank == 0

    def show(self) -> None:
        """Bring the bar to where the run stands."""
        if not self._is_shown:
            return
        at = self.task.progress
        if self._bar is None:
            from tqdm import tqdm

            total = self.task.batches_per_epoch
            name = f"epoch {at.epoch + 1}/{self.task.settings.epochs}"
            self._bar = tqdm(total=total, initial=at.batch - 1, desc=name, unit="batch", leave=False)
        self._bar.set_postfix_str(f"loss {self.task.progress.sums.mean_loss:.4f}", refresh=False)
        self._bar.update(at.batch - self._bar.n)

    def clear(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
