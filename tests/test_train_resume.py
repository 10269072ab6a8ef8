"""No step is lost: a run that was ended anywhere, however it was, ends as the one that never was."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("lightning")

import torch
from training import LINEAR, SPEC, best, last, losses, process, rows, same, stop_after, train, write


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of `SPEC` that was never ended."""
    folder = tmp_path_factory.mktemp("whole")
    torch.set_num_threads(1)
    assert train(write(folder), "-o", folder / "run").code == 0
    return folder / "run"


@pytest.mark.parametrize("batches", range(1, 13))
def test_a_run_continues_after_any_batch_to_the_bit(
    batches: int, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        stop_after(patched, batches, lambda: os.kill(os.getpid(), signal.SIGTERM))
        code, output = train(write(tmp_path), "-o", tmp_path / "run")
    assert code == 143
    assert f"stopped by SIGTERM after step {batches}" in output
    assert train("--resume", tmp_path / "run").code == 0
    assert same(last(tmp_path / "run"), last(whole))
    assert same(best(tmp_path / "run"), best(whole))
    assert rows(tmp_path / "run") == rows(whole)
    assert losses(tmp_path / "run") == losses(whole)


def test_a_run_may_be_ended_after_every_batch(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    args: tuple[str | Path, ...] = (write(tmp_path), "-o", tmp_path / "run")
    for _ in range(12):
        with monkeypatch.context() as patched:
            stop_after(patched, 1, lambda: os.kill(os.getpid(), signal.SIGINT))
            assert train(*args).code == 130
        args = ("--resume", tmp_path / "run")
    assert train(*args).code == 0
    assert same(last(tmp_path / "run"), last(whole))
    assert rows(tmp_path / "run") == rows(whole)


def test_what_is_compared_can_differ(whole: Path, tmp_path: Path) -> None:
    assert train(write(tmp_path), "-o", tmp_path / "run", "--set", "train.seed=1").code == 0
    assert not same(last(tmp_path / "run"), last(whole))
    assert rows(tmp_path / "run") != rows(whole)


def test_gradients_that_wait_are_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `accumulate` a run ends after a step of the optimizer, not between two batches of one."""
    settings = ("--set", "train.accumulate=4")
    assert train(write(tmp_path), "-o", tmp_path / "whole", *settings).code == 0
    with monkeypatch.context() as patched:
        stop_after(patched, 2, lambda: os.kill(os.getpid(), signal.SIGTERM))
        code, output = train(write(tmp_path), "-o", tmp_path / "run", *settings)
    assert code == 143
    assert "after step 1" in output
    assert train("--resume", tmp_path / "run").code == 0
    assert same(last(tmp_path / "run"), last(tmp_path / "whole"))
    assert len(losses(tmp_path / "whole")) == 4  # of six batches, four and two make a step


def test_a_signal_while_an_epoch_is_tested(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from archc.train.task import Task

    with monkeypatch.context() as patched:
        original = Task.tested

        def tested(self: Task) -> object:
            os.kill(os.getpid(), signal.SIGTERM)
            return original(self)

        patched.setattr(Task, "tested", tested)
        assert train(write(tmp_path), "-o", tmp_path / "run").code == 143
    assert train("--resume", tmp_path / "run").code == 0
    assert same(last(tmp_path / "run"), last(whole))
    assert rows(tmp_path / "run") == rows(whole)


def test_more_epochs_are_those_of_a_longer_run(tmp_path: Path) -> None:
    spec = write(tmp_path, LINEAR)
    assert train(spec, "-o", tmp_path / "long", "--set", "train.epochs=4").code == 0
    assert train(spec, "-o", tmp_path / "run").code == 0
    assert "ended already" in train("--resume", tmp_path / "run").output
    assert train("--resume", tmp_path / "run", "--set", "train.epochs=4").code == 0
    assert same(last(tmp_path / "run"), last(tmp_path / "long"))
    assert "ended already" in train("--resume", tmp_path / "run").output


def test_a_run_that_ends_by_steps_can_be_continued(tmp_path: Path) -> None:
    spec = write(tmp_path, LINEAR)
    assert train(spec, "-o", tmp_path / "whole").code == 0
    assert train(spec, "-o", tmp_path / "run", "--set", "train.max_steps=4").code == 0
    assert len(losses(tmp_path / "run")) == 4
    assert train("--resume", tmp_path / "run", "--set", "train.max_steps=100").code == 0
    assert same(last(tmp_path / "run"), last(tmp_path / "whole"))


@pytest.mark.parametrize("setting", ["train.batch_size=8", "train.optimizer.lr=1", "train.seed=3", "width=2"])
def test_what_has_acted_cannot_change(setting: str, tmp_path: Path) -> None:
    spec = write(tmp_path, LINEAR)
    assert train(spec, "-o", tmp_path / "run").code == 0
    code, output = train("--resume", tmp_path / "run", "--set", setting)
    assert code == 1
    assert "error[A0806]: `" + setting.partition("=")[0] + "` cannot change" in output


@pytest.mark.parametrize("seed", range(2))
def test_sigkill_at_a_random_moment(seed: int, tmp_path: Path) -> None:
    """More of them: `python -m tests.durability`."""
    from durability import kill_and_continue

    assert kill_and_continue(tmp_path, random.Random(seed), kills=3)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_a_process_within_five_seconds(number: int, code: int, tmp_path: Path) -> None:
    started = process(write(tmp_path), "-o", tmp_path / "run", "--set", "train.epochs=10000", log=tmp_path / "log")
    while not (tmp_path / "run" / "metrics.csv").is_file():
        time.sleep(0.05)
        assert started.is_alive(), (tmp_path / "log").read_text(encoding="utf-8")
    sent = time.monotonic()
    os.kill(started.pid, number)
    started.join(60)
    assert started.exitcode == code
    assert time.monotonic() - sent < 5
    assert "continue by `archc train --resume" in (tmp_path / "log").read_text(encoding="utf-8")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_before_the_first_step_ends_all(
    number: int, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*_: object) -> None:
        os.kill(os.getpid(), number)
        time.sleep(5)

    before = [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)]
    monkeypatch.setattr("archc.train.runner.load_data", load)
    found = train(write(tmp_path, LINEAR), "-o", tmp_path / "run")
    assert found == (code, f"stopped by {signal.Signals(number).name}\n")
    assert os.listdir(tmp_path) == ["net.yaml"]
    assert [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)] == before


def test_a_second_interrupt_ends_a_process_at_once() -> None:
    code = "import os; from archc.train.signals import Signals; Signals().watch(); os.kill(os.getpid(), {0}); os.kill(os.getpid(), {0}); print('alive')"
    found = [
        subprocess.run([sys.executable, "-c", code.format(number)], capture_output=True, text=True, check=False)
        for number in (2, 15)
    ]
    assert [(one.returncode, one.stdout) for one in found] == [(-2, ""), (0, "alive\n")]


def test_a_reader_that_leaves_ends_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise BrokenPipeError

    with monkeypatch.context() as patched:
        patched.setattr("builtins.print", refuse)
        assert train(write(tmp_path, LINEAR), "-o", tmp_path / "run").code == 0
    assert len(losses(tmp_path / "run")) == 12


def test_a_spec_of_chance_is_what_is_tested() -> None:
    assert "dropout" in SPEC
    assert "crop_padding" in SPEC
