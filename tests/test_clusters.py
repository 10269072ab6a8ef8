"""Several nodes, played by processes of one machine: the same losses, step by step, as one process has."""

from __future__ import annotations

import multiprocessing
import os
import socket
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("lightning")

from training import LINEAR, losses, train, write

from archc.cli import main


def free_port() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return str(taken.getsockname()[1])


def slurm(rank: int) -> dict[str, str]:
    """What SLURM tells a task, one of two on two nodes."""
    job = {"SLURM_JOB_ID": "77", "SLURM_JOB_NAME": "train", "SLURM_JOB_NODELIST": "node[1-2]", "SLURM_NNODES": "2"}
    tasks = {"SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "1", "SLURM_LOCALID": "0"}
    return {**job, **tasks, "SLURM_NODEID": str(rank), "SLURM_PROCID": str(rank)}


def torchrun(rank: int) -> dict[str, str]:
    """What `torchrun --nnodes 2 --nproc-per-node 1` tells a process."""
    here = {"RANK": str(rank), "GROUP_RANK": str(rank), "LOCAL_RANK": "0"}
    return {**here, "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "1", "TORCHELASTIC_RUN_ID": "none"}


NODES = {"slurm": slurm, "torchrun": torchrun}


def _node(environment: dict[str, str], args: list[str], log: str) -> None:
    os.environ.update(environment)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    import torch

    torch.set_num_threads(1)
    raise SystemExit(main(["train", *args]))


@pytest.mark.parametrize("launcher", NODES)
def test_two_nodes_have_the_losses_of_one_process(launcher: str, tmp_path: Path) -> None:
    spec = write(tmp_path, LINEAR)
    assert train(spec, "-o", tmp_path / "one", "--device", "cpu").code == 0
    context: Any = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["archc.train.runner", "torch.utils.tensorboard"])
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
    args = [str(spec), "-o", str(tmp_path / "two"), "--device", "cpu"]
    logs = [tmp_path / f"{rank}.log" for rank in range(2)]
    nodes = [
        context.Process(target=_node, args=({**place, **NODES[launcher](rank)}, args, str(logs[rank])))
        for rank in range(2)
    ]
    for node in nodes:
        node.start()
    for node in nodes:
        node.join(120)
    assert [node.exitcode for node in nodes] == [0, 0], "".join(log.read_text(encoding="utf-8") for log in logs)
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), rel=1e-5)
    assert not list(tmp_path.rglob("*.ckpt"))
    assert "the run is in" not in logs[1].read_text(encoding="utf-8")
