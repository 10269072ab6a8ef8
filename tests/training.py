"""What the tests of the runner share: a small spec, runs in this process and in others, and what a run left."""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch

from archc.train.checkpoint import Checkpoints, read_checkpoint

SPEC = """\
archc: 1
name: small
input: {channels: 1, height: 8, width: 8}
stages:
  - {name: conv, type: conv, out_channels: 4, kernel_size: 3}
  - {name: bn, type: batch_norm}
  - {name: relu, type: relu}
  - {name: dropout, type: dropout, p: 0.2}
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, out_features: 10}
train:
  data: {type: digits, crop_padding: 1}
  batch_size: 240
  epochs: 2
  optimizer: {type: adamw, lr: 0.01}
  schedule: {type: cosine, warmup: 0.5}
  ema: 0.9
"""
"""Six batches an epoch, and all that a checkpoint must hold: two moments, an average, running means, chance."""

LINEAR = """\
archc: 1
name: linear
input: {features: 6}
stages:
  - {name: fc1, type: linear, out_features: 8}
  - {name: act, type: tanh}
  - {name: fc2, type: linear, out_features: 3}
train:
  data: {type: synthetic, features: 6, classes: 3, examples: 96}
  batch_size: 16
  epochs: 2
  optimizer: {type: sgd, lr: 0.1}
"""


class Result(NamedTuple):
    """What a command came to."""

    code: int
    output: str


def train(*args: str | Path) -> Result:
    """`archc train ...` in this process."""
    from archc.cli import main

    stream = io.StringIO()
    with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
        code = main(["train", *map(str, args)])
    return Result(code, stream.getvalue())


def write(folder: Path, text: str = SPEC, name: str = "net.yaml") -> Path:
    """A spec in a file."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def last(run: Path) -> dict[str, torch.Tensor]:
    """Every tensor of a run's last checkpoint."""
    checkpoints = Checkpoints(run / "checkpoints")
    return dict(read_checkpoint(checkpoints.folder / checkpoints.names()[-1]).tensors)


def best(run: Path) -> dict[str, torch.Tensor]:
    """The weights of a run's best epoch."""
    path = Checkpoints(run / "checkpoints").best()
    assert path is not None
    return dict(read_checkpoint(path).tensors)


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Whether two states are the same to the bit."""
    return one.keys() == other.keys() and all(
        tensor.dtype == other[name].dtype and torch.equal(tensor, other[name]) for name, tensor in one.items()
    )


def rows(run: Path) -> list[str]:
    """The lines of `metrics.csv` without the last column, the time."""
    return [line.rpartition(",")[0] for line in (run / "metrics.csv").read_text(encoding="utf-8").splitlines()]


def losses(run: Path) -> list[float]:
    """The loss of each step."""
    lines = (run / "steps.csv").read_text(encoding="utf-8").splitlines()[1:]
    return [float(line.rpartition(",")[2]) for line in lines]


def stop_after(monkeypatch: Any, batches: int, act: Callable[[], None]) -> None:
    """Call `act` when a process has made `batches` batches."""
    from archc.train.keeper import Keeper

    made = iter(range(1, 10_000))
    original = Keeper.on_train_batch_end

    def counted(self: Any, trainer: Any, *args: Any) -> None:
        if next(made) == batches:
            act()
        original(self, trainer, *args)

    monkeypatch.setattr(Keeper, "on_train_batch_end", counted)


# -- processes that can be killed --------------------------------------------------------------------------------------------

_CONTEXT: Any = None


def _command(args: list[str], log: str, threads: int, environment: dict[str, str]) -> None:
    os.setsid()
    os.environ.update(environment)
    torch.set_num_threads(threads)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    from archc.cli import main

    raise SystemExit(main(["train", *args]))


def process(*args: str | Path, log: Path, environment: dict[str, str] | None = None) -> Any:
    """`archc train ...` in a process of its own, started from one that has imported what it needs."""
    global _CONTEXT
    if _CONTEXT is None:
        _CONTEXT = multiprocessing.get_context("forkserver")
        _CONTEXT.set_forkserver_preload(["archc.train.runner", "sklearn.datasets", "torch.utils.tensorboard"])
    started = _CONTEXT.Process(target=_command, args=(list(map(str, args)), str(log), 1, environment or {}))
    started.start()
    return started
