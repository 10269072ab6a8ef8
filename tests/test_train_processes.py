"""Several processes train as one does: the same losses, step by step, and the same weights."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("lightning")

import torch
from training import LINEAR, best, last, losses, process, rows, train, write

NET = """\
archc: 1
name: net
input: {channels: 1, height: 8, width: 8}
stages:
  - {name: conv1, type: conv, out_channels: 8, kernel_size: 3}
  - {name: norm, type: group_norm, num_groups: 2}
  - {name: relu1, type: relu}
  - {name: conv2, type: conv, out_channels: 8, kernel_size: 3}
  - {name: relu2, type: relu}
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, out_features: 10}
train:
  data: {type: digits, crop_padding: 1, horizontal_flip: 0.2}
  batch_size: 101
  epochs: 2
  optimizer: {type: adamw, lr: 0.003}
  schedule: {type: cosine, warmup: 0.5}
  ema: 0.8
  clip_norm: 1.0
"""
"""Batches that do not split evenly, the last of an epoch of 24 examples, and changes of pictures by chance."""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def started(world: int, folder: Path, *args: str | Path) -> list[Any]:
    """`archc train ...` in `world` processes, as torchrun starts them."""
    common = {"WORLD_SIZE": str(world), "LOCAL_WORLD_SIZE": str(world), "MASTER_ADDR": "127.0.0.1"}
    common |= {"MASTER_PORT": str(free_port()), "TORCHELASTIC_RUN_ID": "test", "GROUP_RANK": "0"}
    ranks = [{**common, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(world)]
    return [process(*args, log=folder / f"log{at}", environment=one) for at, one in enumerate(ranks)]


def ended(processes: list[Any], folder: Path) -> list[int]:
    for one in processes:
        one.join(300)
    codes = [one.exitcode for one in processes]
    for one in processes:
        one.kill()
    assert None not in codes, logs(folder)
    return codes


def logs(folder: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("log*")))


@pytest.mark.parametrize("world", [2, 3])
def test_the_losses_are_those_of_one_process(world: int, tmp_path: Path) -> None:
    spec = write(tmp_path, NET)
    assert train(spec, "-o", tmp_path / "one").code == 0
    assert ended(started(world, tmp_path, spec, "-o", tmp_path / "many"), tmp_path) == [0] * world, logs(tmp_path)
    one, many = losses(tmp_path / "one"), losses(tmp_path / "many")
    assert len(many) == 30
    assert many == pytest.approx(one, abs=1e-5)
    weights, others = best(tmp_path / "one"), best(tmp_path / "many")
    assert all(torch.allclose(others[name], one, atol=1e-4) for name, one in weights.items())
    numbers = [[float(cell) for cell in line.split(",") if cell] for line in rows(tmp_path / "one")[1:]]
    found = [[float(cell) for cell in line.split(",") if cell] for line in rows(tmp_path / "many")[1:]]
    for row, wanted in zip(found, numbers, strict=True):
        assert row == pytest.approx(wanted, abs=3e-3)
    assert (tmp_path / "log1").read_text(encoding="utf-8") == ""


def test_a_signal_to_one_process_ends_all_and_the_run_continues_alone(tmp_path: Path) -> None:
    spec = write(tmp_path, NET)
    settings = ("--set", "train.epochs=10")
    assert train(spec, "-o", tmp_path / "one", *settings).code == 0
    processes = started(2, tmp_path, spec, "-o", tmp_path / "many", *settings)
    while not (tmp_path / "many" / "metrics.csv").is_file():
        time.sleep(0.02)
        assert processes[0].is_alive(), logs(tmp_path)
    os.kill(processes[1].pid, signal.SIGTERM)
    codes = ended(processes, tmp_path)
    assert codes in ([143, 143], [0, 0]), logs(tmp_path)  # 0 where it was at its end
    assert train("--resume", tmp_path / "many").code == 0
    assert losses(tmp_path / "many") == pytest.approx(losses(tmp_path / "one"), abs=2e-4)
    assert last(tmp_path / "many").keys() == last(tmp_path / "one").keys()


def test_a_loss_that_is_no_number_in_one_process_ends_all(tmp_path: Path) -> None:
    spec = write(tmp_path, LINEAR.replace("tanh", "relu"))
    processes = started(2, tmp_path, spec, "-o", tmp_path / "many", "--set", "train.optimizer.lr=1e25")
    assert ended(processes, tmp_path) == [1, 1]
    assert "error[A0807]" in (tmp_path / "log0").read_text(encoding="utf-8")


def test_a_folder_that_holds_a_run_ends_all(tmp_path: Path) -> None:
    spec = write(tmp_path, LINEAR)
    assert train(spec, "-o", tmp_path / "run").code == 0
    processes = started(2, tmp_path, spec, "-o", tmp_path / "run")
    processes[0].join(60)
    assert processes[0].exitcode == 1
    assert "error[A0806]" in (tmp_path / "log0").read_text(encoding="utf-8")
    processes[1].kill()  # as torchrun does
