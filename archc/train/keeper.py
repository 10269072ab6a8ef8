"""What happens between steps: progress, checkpoints, signals, the end of an epoch."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from math import isfinite
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import distributed

from archc.train.bar import Bar
from archc.train.checkpoint import State, flattened, restore
from archc.train.curves import curves
from archc.train.data.examples import Unreadable
from archc.train.folder import CURVES, RunFolder, Say, epoch_line
from archc.train.nonfinite import NonFinite, check_weights
from archc.train.progress import Progress, Row, Sums
from archc.train.resumed import check_fit
from archc.train.sharding import put, whole
from archc.train.signals import Stopped
from archc.train.task import Task

PICTURE_EVERY = 5.0
"""Seconds between two drawings of the curves, at least."""


class Keeper(Callback):
    """Keeps a run in its folder, if this process has one."""

    def __init__(self, task: Task, title: str, folder: RunFolder | None, say: Say, resumed: State | None) -> None:
        self.task, self.title, self.folder, self.say, self.resumed = task, title, folder, say, resumed
        self.bar = Bar(task)
        self._steps = task.progress.step
        self._waits = False
        """Whether gradients wait for the batches that make a step with theirs; no checkpoint holds them."""
        self._since = time.perf_counter()
        self._drawn = 0.0
        self._scaler: Any = None

    # -- hooks of the Trainer ---------------------------------------------------------------------------------------------

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put back what a checkpoint holds; an epoch that was made but not tested is tested first."""
        self._scaler = getattr(trainer.precision_plugin, "scaler", None)
        if self.task.average is not None:
            self.task.average.to(self.task.device)  # it is no part of the task, so that nobody trains it
        if self.resumed is not None:
            self._restore(self.resumed)
            best = self.task.progress.best
            if self.folder is not None and best is not None:  # not that of an epoch that goes on
                self.folder.checkpoints.keep_best(best.epoch)
        self._since = time.perf_counter()
        if self.task.progress.batch >= self.task.batches_per_epoch or self.task.is_late:
            self._end_epoch(trainer)
            trainer.should_stop = trainer.should_stop or self.task.is_late

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the signals back from the Trainer."""
        self.task.signals.watch()

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        """Count the batch; save, stop, end."""
        task, at = self.task, self.task.progress
        at.batch += 1
        self._waits = at.step == self._steps
        if self._waits:
            return  # its gradients wait for those of the next batch
        self._steps = at.step
        if task.average is not None:
            task.average.update_parameters(task.net)
        if self.folder is not None:
            self.folder.note_step(at.step, at.epoch + 1, at.lr, task.last_loss)
        self.bar.show()
        settings = task.settings
        is_last = at.batch >= task.batches_per_epoch
        if task.stop:
            self._stop(task.stop)
        if task.is_late:
            trainer.should_stop = True
        elif settings.save_every is not None and at.step % settings.save_every == 0 and not is_last:
            self.save()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Keep the steps before a picture that cannot be read; of several processes the others do not know of it."""
        if isinstance(exception, Unreadable) and self.task.share.world == 1 and not self._waits:
            self.save()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Test, tell, save."""
        self._end_epoch(trainer)

    # -- the end of an epoch ------------------------------------------------------------------------------------------------

    def _end_epoch(self, trainer: Trainer) -> None:
        task, at = self.task, self.task.progress
        self.bar.clear()
        self._clock(is_training=True)
        is_whole = at.batch >= task.batches_per_epoch
        if is_whole:
            check_weights(task)
        else:
            self.save()  # ended by max_steps: it can be continued from here with more of them
        self._share_buffers()
        try:
            tested = task.tested()
        except Stopped as stop:
            self._stop(stop.number)
            raise
        if not isfinite(tested.mean_loss):
            raise NonFinite(f"the loss of the test is {tested.mean_loss} after step {at.step}, in epoch {at.epoch + 1}")
        self._clock()
        row = self._row(tested)
        before = at.best
        at.rows.append(row)
        at.tested = at.step
        task.progress = _next(at) if is_whole else at
        is_better = before is None or row.score > before.score
        if is_better:
            self._save_best(row)
        if self.folder is not None:
            self.folder.write_metrics(at.rows)
            self.folder.events.add(row)
            self._draw()
        if is_whole:
            self.save()
            if self.folder is not None:
                self.folder.checkpoints.keep_best((before if before is not None and not is_better else row).epoch)
        else:
            task.progress = replace(at, rows=at.rows[:-1])  # the epoch will have a row when it is whole
            self.save()
            task.progress = at
        self.say(epoch_line(row, task.settings.epochs, row.seconds - (at.rows[-2].seconds if at.rows[1:] else 0.0)))
        if task.settings.patience is not None and task.progress.waited >= task.settings.patience:
            trainer.should_stop = True

    def _row(self, tested: Sums) -> Row:
        task, at = self.task, self.task.progress
        counts = bool(task.objective.counts)
        return Row(
            epoch=at.epoch + 1,
            step=at.step,
            lr=at.lr,
            train_loss=at.sums.mean_loss,
            train_accuracy=at.sums.accuracy if counts else None,
            test_loss=tested.mean_loss,
            test_accuracy=tested.accuracy if counts else None,
            seconds=at.seconds,
        )

    def _draw(self, final: bool = False) -> None:
        rows = self.task.progress.rows
        if self.folder is None or not rows or (not final and time.monotonic() - self._drawn < PICTURE_EVERY):
            return
        self.folder.write(CURVES, curves(rows, self.title))
        self._drawn = time.monotonic()

    def close(self) -> None:
        """Draw the last of the curves."""
        self.bar.clear()
        self._draw(final=True)
        if self.folder is not None:
            self.folder.events.close()

    def _share_buffers(self) -> None:
        """Every process tests with the buffers of the first, which are those that are kept."""
        if self.task.share.world > 1:
            for net in (self.task.net, self.task.result):  # which are one where there is no average
                for buffer in net.buffers():
                    distributed.broadcast(buffer, 0)

    def _clock(self, is_training: bool = False) -> None:
        now = time.perf_counter()
        self.task.progress.seconds += now - self._since
        if is_training:
            self.task.progress.training += now - self._since
        self._since = now

    # -- checkpoints --------------------------------------------------------------------------------------------------------

    def _stop(self, number: int) -> None:
        self.bar.clear()
        self._clock(is_training=True)
        self.save()
        raise Stopped(number)

    def save(self) -> None:
        """Write a checkpoint of where the run stands; all processes call it. Raises NonFinite."""
        check_weights(self.task)
        state = self._state()
        if self.folder is not None:
            self.folder.flush_steps()
            self.folder.checkpoints.save(state, self.task.progress.step)

    def _save_best(self, row: Row) -> None:
        names = list(self.task.data.classes)
        told = {"epoch": row.epoch, "test_accuracy": row.test_accuracy, "test_loss": row.test_loss}
        tensors = whole(self.task.result.state_dict(), self.folder is not None)
        if self.folder is not None:
            texts = {"archc.classes": json.dumps(names), "archc.best": json.dumps(told)}
            self.folder.checkpoints.save_best(State(tensors, texts), row.epoch)

    def _state(self) -> State:
        task = self.task
        tensors = {f"model.{name}": one for name, one in task.net.state_dict().items()}
        more, others = flattened(self._optimizer(), "optimizer.")
        tensors |= more
        if task.average is not None:
            tensors |= {f"average.{name}": one for name, one in task.average.state_dict().items()}
        texts = {"archc.progress": task.progress.to_json(), "archc.optimizer": others}
        if self._scaler is not None:
            texts["archc.scaler"] = json.dumps(self._scaler.state_dict())
        return State(whole(tensors, self.folder is not None), texts)

    def _optimizer(self) -> torch.optim.Optimizer:
        optimizer = self.task.optimizers(use_pl_optimizer=False)
        assert isinstance(optimizer, torch.optim.Optimizer)
        return optimizer

    def _restore(self, state: State) -> None:
        task = self.task
        check_fit(task.net, state.below("model."))
        put(task.net, state.below("model."))
        if task.average is not None:
            put(task.average, state.below("average."))
        restore(self._optimizer(), state.below("optimizer."), state.texts["archc.optimizer"])
        if self._scaler is not None and "archc.scaler" in state.texts:
            self._scaler.load_state_dict(json.loads(state.texts["archc.scaler"]))


def _next(at: Progress) -> Progress:
    """The beginning of the next epoch."""
    return replace(at, epoch=at.epoch + 1, batch=0, sums=Sums())
