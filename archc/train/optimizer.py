"""The optimizer, and the learning rate as a function of the step."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi
from typing import Any

import torch
from torch import nn

from archc.train.settings import Settings

Factor = Callable[[int], float]


def optimizer_of(net: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """torch's optimizer with the fields of the spec, whose names are its own."""
    given = dict(settings.optimizer.fields)
    groups = _groups(net, given.pop("weight_decay"), bool(given.pop("decay_norms_and_biases")))
    kinds: dict[str, Any] = {
        "sgd": torch.optim.SGD,
        "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW,
        "rmsprop": torch.optim.RMSprop,
    }
    made: torch.optim.Optimizer = kinds[settings.optimizer.type](groups, **given)
    return made


def _groups(net: nn.Module, decay: float, every: bool) -> list[dict[str, Any]]:
    """One group; or two where tensors of one axis (norms, biases) do not decay."""
    params = list(net.parameters())
    if every or not decay:
        return [{"params": params, "weight_decay": decay}]
    decayed = [param for param in params if param.ndim > 1]
    others = [param for param in params if param.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]


def factor_of(settings: Settings, steps_per_epoch: int) -> Factor:
    """What `lr` is multiplied by at a step, which counts from 0 over the whole run.

    `cosine` and `one_cycle` change with every step, `step` and `multi_step` with the epoch, as torch's schedulers of
    these names do when they are stepped so; a warm-up multiplies any of them by a rising line.
    """
    schedule = settings.schedule
    total = settings.epochs * steps_per_epoch
    if settings.max_steps is not None:
        total = min(total, settings.max_steps)
    if schedule.type == "one_cycle":
        return _one_cycle(settings, total)
    main: Factor = {"constant": _constant, "step": _step, "multi_step": _multi_step, "cosine": _cosine}[schedule.type](
        settings, steps_per_epoch, total
    )
    warm = schedule["warmup"] * steps_per_epoch
    return lambda step: main(step) * (min(1.0, (step + 1) / warm) if warm else 1.0)


def _constant(settings: Settings, per_epoch: int, total: int) -> Factor:
    return lambda step: 1.0


def _step(settings: Settings, per_epoch: int, total: int) -> Factor:
    size, gamma = settings.schedule["step_size"], settings.schedule["gamma"]
    return lambda step: _power(gamma, step // per_epoch // size)


def _multi_step(settings: Settings, per_epoch: int, total: int) -> Factor:
    milestones, gamma = settings.schedule["milestones"], settings.schedule["gamma"]
    return lambda step: _power(gamma, sum(step // per_epoch >= milestone for milestone in milestones))


def _power(base: float, exponent: int) -> float:
    """By products, for a power of a large base may be too large for a float."""
    product = 1.0
    for _ in range(min(exponent, 1_000)):
        product *= base
    return product


def _cosine(settings: Settings, per_epoch: int, total: int) -> Factor:
    """Annealing without restarts (Loshchilov and Hutter, 2016)."""
    low: float = settings.schedule["min_lr"] / settings.optimizer["lr"]
    return lambda step: low + (1 - low) * (1 + cos(pi * min(step, total) / total)) / 2


def _one_cycle(settings: Settings, total: int) -> Factor:
    """Up and down by cosines (Smith and Topin, 2017); the momentum stays as it is."""
    schedule = settings.schedule
    start: float = schedule["start_factor"]
    end: float = schedule["end_factor"]
    top: float = schedule["warmup_share"] * total - 1

    def factor(step: int) -> float:
        if step <= top:
            return 1 + (start - 1) * (1 + cos(pi * step / top)) / 2 if top > 0 else 1.0
        down = (min(step, total - 1) - top) / max(total - 1 - top, 1e-9)
        return end + (1 - end) * (1 + cos(pi * down)) / 2

    return factor
