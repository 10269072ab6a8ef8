"""Several processes train as one does: the same losses, step by step, and the same weights."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("lightning")

import torch
from training import LINEAR, best, last, losses, process, rows, train, write

from archc.cli import main

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


PARTS = """\
archc: 1
name: parts
input: {channels: 1, height: 8, width: 8}
stages:
  - {name: stem, type: conv, out_channels: 6, kernel_size: 3, padding: 1}
  - name: block
    repeat: 2
    stages:
      - {name: conv1, type: conv, out_channels: 6, kernel_size: 3, padding: 1}
      - {name: norm, type: group_norm, num_groups: 2}
      - {name: act, type: tanh}
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, out_features: 10}
train:
  data: {type: digits, crop_padding: 1}
  batch_size: 179
  epochs: 2
  optimizer: {type: adamw, lr: 0.003}
  ema: 0.8
  clip_norm: 1.0
  save_every: 5
  strategy: fsdp
"""
"""A smooth network of blocks, which does not let rounding grow; the last batch of a test is one example, of which the second process has none."""


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


SGD = "train.optimizer={type: sgd, lr: 0.1}"
"""Adam makes steps of full size of gradients that are rounding alone, of whichever sign."""
BFLOAT16 = ("train.precision=bfloat16", "train.channels_last=true", "train.epochs=1")


@pytest.mark.parametrize("more", [(), (SGD, "train.accumulate=2")])
def test_processes_with_a_part_of_the_network_have_the_losses_of_one(more: tuple[str, ...], tmp_path: Path) -> None:
    spec = write(tmp_path, PARTS)
    words = [word for pair in more for word in ("--set", pair)]
    assert train(spec, "-o", tmp_path / "one", *words).code == 0
    assert ended(started(2, tmp_path, spec, "-o", tmp_path / "many", *words), tmp_path) == [0, 0], logs(tmp_path)
    assert len(losses(tmp_path / "many")) == (10 if more else 18)
    compare(tmp_path / "many", tmp_path / "one")


def compare(run: Path, other: Path) -> None:
    """The losses are the same, and so is all that their checkpoints hold."""
    assert losses(run) == pytest.approx(losses(other), abs=1e-5)
    for read in (best, last):
        tensors, others = read(run), read(other)
        assert tensors.keys() == others.keys()
        assert all(torch.allclose(tensors[name], one, atol=1e-4) for name, one in others.items())


def test_parts_in_bfloat16_have_the_losses_of_whole_networks_in_it(tmp_path: Path) -> None:
    """In processes too, for their rounding is that of their shares; over an epoch, as such rounding grows fast."""
    spec = write(tmp_path, PARTS)
    words = [word for pair in (SGD, *BFLOAT16) for word in ("--set", pair)]
    for strategy in ("ddp", "fsdp"):
        more = (*words, "--set", f"train.strategy={strategy}")
        assert ended(started(2, tmp_path, spec, "-o", tmp_path / strategy, *more), tmp_path) == [0, 0], logs(tmp_path)
    compare(tmp_path / "fsdp", tmp_path / "ddp")


def test_a_run_in_parts_continues_in_parts_and_alone(tmp_path: Path) -> None:
    spec = write(tmp_path, PARTS)
    assert train(spec, "-o", tmp_path / "one", "--set", "train.epochs=3").code == 0
    many = tmp_path / "many"
    assert ended(started(2, tmp_path, spec, "-o", many, "--set", "train.max_steps=7"), tmp_path) == [0, 0]
    words = ("--resume", many, "--set", "train.max_steps=20", "--set", "train.epochs=3")
    assert ended(started(2, tmp_path, *words), tmp_path) == [0, 0], logs(tmp_path)
    assert train("--resume", many, "--set", "train.max_steps=27").code == 0
    assert losses(many) == pytest.approx(losses(tmp_path / "one"), abs=1e-5)
    weights = last(tmp_path / "one")
    assert all(torch.allclose(one, weights[name], atol=1e-4) for name, one in last(many).items())


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_what_is_kept_of_an_average_is_what_was_tested(strategy: str, tmp_path: Path) -> None:
    """Running means too, of which each process has its own."""
    text = PARTS.replace("{name: norm, type: group_norm, num_groups: 2}", "{name: norm, type: batch_norm}")
    words = ("--set", f"train.strategy={strategy}", "--set", "train.epochs=1", "--set", "train.batch_size=20")
    processes = started(2, tmp_path, write(tmp_path, text), "-o", tmp_path / "run", *words)
    assert ended(processes, tmp_path) == [0, 0], logs(tmp_path)
    told = float((tmp_path / "run" / "metrics.csv").read_text(encoding="utf-8").splitlines()[1].split(",")[5])
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        assert main(["evaluate", str(tmp_path / "run"), "--format", "json"]) == 0
    assert json.loads(stream.getvalue())["loss"] == pytest.approx(told, abs=2e-6)


SHARDED = """\
import sys
import torch
from torch import distributed
from torch.distributed.device_mesh import init_device_mesh
from archc.api import load
from archc.train.sharding import local, put, shard, whole

distributed.init_process_group("gloo")
net = load(sys.argv[1]).to_torch(seed=0)
before = {name: one.clone() for name, one in net.state_dict().items()}
count = sum(one.numel() for one in net.parameters())
inputs = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
wanted = net(inputs)
shard(net, init_device_mesh("cpu", (2,)))
for _ in range(2):
    assert sum(local(one).numel() for one in net.parameters()) < 0.6 * count
    assert torch.allclose(net(inputs), wanted, atol=1e-6)
found = whole(net.state_dict(), True)
assert found.keys() == before.keys() and all(torch.equal(one, before[name]) for name, one in found.items())
put(net, {name: one + 1 for name, one in before.items()})
assert all(torch.equal(one, before[name] + 1) for name, one in whole(net.state_dict(), True).items())
assert whole(net.state_dict(), False) == {}
distributed.destroy_process_group()
print("as it should be")
"""


def test_a_process_has_half_of_each_tensor(tmp_path: Path) -> None:
    path, spec = tmp_path / "sharded.py", write(tmp_path, PARTS)
    path.write_text(SHARDED, encoding="utf-8")
    words = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        str(path),
        str(spec),
    ]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert done.stdout.count("as it should be") == 2, done.stderr


def test_float16_is_refused_where_the_network_is_in_parts(tmp_path: Path) -> None:
    code, output = train(write(tmp_path, PARTS), "-o", tmp_path / "run", "--set", "train.precision=float16")
    assert code == 1
    assert "error[A0808]: `float16` does not go with `fsdp`" in output
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_a_loss_that_is_no_number_in_one_process_ends_all(strategy: str, tmp_path: Path) -> None:
    spec = write(tmp_path, LINEAR.replace("tanh", "relu"))
    words = ("--set", "train.optimizer.lr=1e25", "--set", f"train.strategy={strategy}")
    processes = started(2, tmp_path, spec, "-o", tmp_path / "many", *words)
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
