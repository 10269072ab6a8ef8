"""What Lightning's Trainer is given: a step of training, the optimizer, and the batches of each epoch."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule
from torch import distributed, nn

from archc.train.batches import Batch, Batches, Share
from archc.train.chance import batch_seed, order
from archc.train.data.examples import Data
from archc.train.nonfinite import is_finite, non_finite_loss
from archc.train.objective import Objective
from archc.train.optimizer import Factor, factor_of, optimizer_of
from archc.train.pictures import Pictures, pictures_of
from archc.train.progress import Progress, Sums
from archc.train.settings import Settings
from archc.train.sharding import local, shard
from archc.train.signals import Signals, Stopped

for _name in ("lightning.pytorch", "lightning.fabric", "lightning"):
    logging.getLogger(_name).setLevel(logging.ERROR)


class Task(LightningModule):
    """A network and all that training it needs; `progress` says where it stands."""

    def __init__(
        self,
        net: nn.Module,
        settings: Settings,
        data: Data,
        objective: Objective,
        signals: Signals,
        share: Share | None = None,
    ) -> None:
        super().__init__()
        self.share = share = share or Share()
        self.is_sharded = settings.strategy == "fsdp" and share.world > 1
        is_last = (
            settings.channels_last and not self.is_sharded
        )  # which takes no other form; that of the batch is enough
        self.net = net.to(memory_format=torch.channels_last) if is_last else net
        self.settings, self.data, self.objective, self.signals = settings, data, objective, signals
        self.pictures: Pictures = pictures_of(settings, data)
        self.progress = Progress()
        self.last_loss = float("nan")
        """Of the last batch, of all processes."""
        self.average: torch.optim.swa_utils.AveragedModel | None = None
        if settings.ema is not None:
            object.__setattr__(self, "average", _averaged(net, settings.ema))
        self._calls: Any = torch.compile(self.net) if settings.compile else self.net
        self.batches_per_epoch = len(self._batches(0, 0))
        """Each of all processes together."""
        self.steps_per_epoch = -(-self.batches_per_epoch // settings.accumulate)
        """Of the optimizer."""
        self._factor: Factor = factor_of(settings, self.steps_per_epoch)
        self._stop = 0

    def __setattr__(self, name: str, value: Any) -> None:
        """As a module does; but for the hook that is running, which the Trainer notes some fifty times in a step."""
        if name == "_current_fx_name":
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    @property
    def result(self) -> nn.Module:
        """The network that is tested and kept: the average of the weights where there is one."""
        return self.net if self.average is None else self.average.module

    # -- what the Trainer asks for --------------------------------------------------------------------------------------

    def configure_model(self) -> None:
        """Share the network out, where no process is to have the whole of it."""
        if self.is_sharded:
            assert self.device_mesh is not None
            mesh = self.device_mesh["data_parallel"]
            shard(self.net, mesh)
            if self.average is not None:
                shard(self.average.module, mesh)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The optimizer; the rate is set before each step, as a function of it."""
        return optimizer_of(self.net, self.settings)

    def train_dataloader(self) -> Batches:
        """The batches of the epoch that begins, less those that were made before the run was continued."""
        return self._batches(self.progress.epoch, self.progress.batch)

    def _batches(self, epoch: int, first: int) -> Batches:
        settings, examples = self.settings, self.data.train
        return Batches(
            examples,
            order(settings.seed, epoch, len(examples)),
            settings.batch_size,
            self.share,
            first=first,
            drop_last=settings.drop_last,
            workers=settings.data.get("workers"),
        )

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """A batch on the device that computes; on the CPU it is there."""
        return batch if device.type == "cpu" else super().transfer_batch_to_device(batch, device, dataloader_idx)

    def training_step(self, batch: Batch, _: int) -> torch.Tensor:
        """The loss of a batch: this process's part of it, weighted so that the mean over processes is that of all."""
        inputs, labels, indices, weight = batch
        at = self.progress
        _seed(batch_seed(self.settings.seed, at.epoch, at.batch, self.share.rank), self.device)
        inputs, labels = self.prepared(inputs, indices, at.epoch), self.pictures.labels(labels, indices, at.epoch)
        outputs = self._calls(inputs)
        loss = self.objective.loss(outputs, labels, training=True)
        right = self.objective.right(outputs, labels, training=True)
        count = len(labels) if weight else 0
        self._account(loss.detach(), right, count, inputs, labels)
        return loss * weight if weight != 1.0 else loss

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Set the learning rate of the step."""
        self.progress.lr = self.settings.optimizer["lr"] * self._factor(self.progress.step)
        for group in optimizer.param_groups:
            group["lr"] = self.progress.lr
        self.progress.step += 1

    # -- parts ------------------------------------------------------------------------------------------------------------

    def prepared(self, inputs: torch.Tensor, indices: torch.Tensor, epoch: int | None) -> torch.Tensor:
        """A batch as the network takes it; with an `epoch`, changed as examples to train on are."""
        inputs = self.pictures(inputs, indices, epoch)
        if self.settings.channels_last and inputs.ndim == 4:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        return inputs

    def _account(
        self,
        loss: torch.Tensor,
        right: tuple[torch.Tensor, int] | None,
        count: int,
        inputs: torch.Tensor,
        labels: torch.Tensor,
    ) -> None:
        """Count the batch, of all processes; all of them stop where the loss of one is not finite, or one has a signal."""
        total, hits, number, is_bad, stop = (
            float(loss) * count if count else 0.0,
            float(right[0]) * (count / max(right[1], 1)) if right is not None else 0.0,
            float(count),
            not is_finite(loss),
            float(self.signals.received),
        )
        if self.share.world > 1:
            parts = torch.tensor([0.0 if is_bad else total, hits, number, is_bad], dtype=torch.float64)
            parts, largest = parts.to(self.device), torch.tensor(stop, device=self.device)
            distributed.all_reduce(parts)
            distributed.all_reduce(largest, distributed.ReduceOp.MAX)
            total, hits, number, bad = parts.tolist()
            is_any_bad, stop = bool(bad), float(largest)
        else:
            is_any_bad = is_bad
        if is_any_bad:
            raise non_finite_loss(self, inputs, labels, float(loss), is_here=is_bad)
        self._stop = int(stop)
        self.last_loss = total / number if number else 0.0
        self.progress.sums.add(self.last_loss, hits, number)
        self.progress.examples += int(number)

    @property
    def is_late(self) -> bool:
        """Whether the last step is made that `max_steps` allows."""
        return self.settings.max_steps is not None and self.progress.step >= self.settings.max_steps

    @property
    def stop(self) -> int:
        """The signal that any process has received, as all know it; 0 for none."""
        return self._stop if self.share.world > 1 else self.signals.received

    @torch.no_grad()
    def tested(self) -> Sums:
        """The losses and right answers over the examples to test on. Raises Stopped after a signal."""
        sums = Sums()
        net = self.result
        was_training = net.training
        net.eval()
        examples = self.data.test
        every = np.arange(len(examples))
        size, workers = self.settings.batch_size, self.settings.data.get("workers")
        try:
            for inputs, labels, indices, weight in Batches(examples, every, size, self.share, workers=workers):
                if self.signals.received and self.share.world == 1:
                    raise Stopped(self.signals.received)
                if weight or self.is_sharded:  # what is shared out is computed by all, or by none
                    with self.trainer.precision_plugin.forward_context():
                        self._test(net, inputs, labels, indices, sums if weight else Sums())
        finally:
            net.train(was_training)
        return self._joined(sums)

    def _test(
        self, net: nn.Module, inputs: torch.Tensor, labels: torch.Tensor, indices: torch.Tensor, sums: Sums
    ) -> None:
        labels = labels.to(self.device)
        outputs = net(self.prepared(inputs.to(self.device), indices, None))
        loss = float(self.objective.loss(outputs, labels, training=False))
        right = self.objective.right(outputs, labels, training=False)
        hits, count = right if right is not None else (0.0, len(labels))
        sums.add(loss, float(hits), count)

    def _joined(self, sums: Sums) -> Sums:
        if self.share.world == 1:
            return sums
        parts = torch.tensor([sums.loss, sums.right, sums.count], dtype=torch.float64, device=self.device)
        distributed.all_reduce(parts)
        return Sums(*parts.tolist())


def _seed(seed: int, device: torch.device) -> None:
    """`torch.manual_seed` for the CPU and one device; for all that there could be it takes milliseconds."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


def _averaged(net: nn.Module, decay: float) -> torch.optim.swa_utils.AveragedModel:
    mean: Any = torch.optim.swa_utils.get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]

    def local_mean(averages: Any, values: Any, count: Any) -> None:
        mean([local(one) for one in averages], [local(one) for one in values], count)

    return torch.optim.swa_utils.AveragedModel(net, multi_avg_fn=local_mean, use_buffers=True)
