"""Ends that are none: a last test that is cut off, an epoch that goes on, data and specs that have changed, bad weights."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("lightning")

import torch
from test_train_data import write_folder
from training import LINEAR, SPEC, best, last, losses, rows, same, train, write

from archc.train.chance import order
from archc.train.compare import compare
from archc.train.layout import BEST, checkpoint_names
from archc.train.progress import Progress, Sums
from archc.train.task import Task


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def give_tests(patched: pytest.MonkeyPatch, accuracies: list[float]) -> None:
    """Have the tests of a run come to these."""
    left: Iterator[float] = iter(accuracies)
    patched.setattr(Task, "tested", lambda self: Sums(1.0, next(left), 1.0))


# -- max_steps ------------------------------------------------------------------------------------------------------------


def best_epochs(run: Path) -> list[str]:
    return [name.rpartition("-")[2].partition(".")[0] for name in checkpoint_names(run / "checkpoints", BEST)]


@pytest.mark.parametrize(("whole_epoch", "is_best"), [(0.55, "2"), (0.65, "3")])
def test_an_epoch_that_goes_on_leaves_the_best_one_alone(
    whole_epoch: float, is_best: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = write(tmp_path, SPEC.replace("schedule: {type: cosine, warmup: 0.5}", "schedule: {type: constant}"))
    more = ("--set", "train.epochs=4")
    with monkeypatch.context() as patched:
        give_tests(patched, [0.5, 0.6, whole_epoch])
        assert train(spec, "-o", tmp_path / "whole", *more, "--set", "train.max_steps=18").code == 0
    with monkeypatch.context() as patched:
        give_tests(patched, [0.5, 0.6, 0.9])
        code, output = train(spec, "-o", tmp_path / "run", *more, "--set", "train.max_steps=15")
        assert code == 0
    assert "best test accuracy 0.900, after epoch 3" in output
    assert "ended already" in train("--resume", tmp_path / "run").output
    assert best_epochs(tmp_path / "run")[-1] == "3"  # that of 15 steps is shipped until the epoch goes on
    with monkeypatch.context() as patched:
        give_tests(patched, [whole_epoch])
        assert train("--resume", tmp_path / "run", "--set", "train.max_steps=18").code == 0
    assert best_epochs(tmp_path / "run") == best_epochs(tmp_path / "whole") == [is_best]
    assert same(best(tmp_path / "run"), best(tmp_path / "whole"))
    assert same(last(tmp_path / "run"), last(tmp_path / "whole"))
    assert rows(tmp_path / "run") == rows(tmp_path / "whole")


def test_the_last_test_is_made_where_it_was_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    args = ("--set", "train.max_steps=9")
    assert train(write(tmp_path), "-o", tmp_path / "whole", *args).code == 0
    with monkeypatch.context() as patched:
        original = Task.tested

        def tested(self: Task) -> object:
            if self.progress.epoch:
                os.kill(os.getpid(), signal.SIGTERM)
            return original(self)

        patched.setattr(Task, "tested", tested)
        assert train(write(tmp_path), "-o", tmp_path / "run", *args).code == 143
    states = {Path(one.folder).name: one.state for one in compare(tmp_path)[0]}
    assert states == {"run": "stopped", "whole": "ended"}
    code, output = train("--resume", tmp_path / "run")
    assert code == 0
    assert "ended already" not in output
    assert "epoch 2/2" in output
    assert rows(tmp_path / "run") == rows(tmp_path / "whole")
    assert losses(tmp_path / "run") == losses(tmp_path / "whole")
    assert same(last(tmp_path / "run"), last(tmp_path / "whole"))
    assert same(best(tmp_path / "run"), best(tmp_path / "whole"))
    code, output = train("--resume", tmp_path / "run")
    assert (code, "it goes on by `--set train.max_steps=N`" in output) == (0, True)


def test_a_progress_without_its_last_test_is_of_a_run_that_was_tested() -> None:
    text = Progress(step=7).to_json().replace('"tested": 0, ', "")
    assert "tested" not in text
    assert Progress.from_json(text).tested == 7
    assert Progress.from_json(Progress(step=7, tested=6).to_json()).tested == 6


@pytest.mark.parametrize(("setting", "says"), [("epochs=1", "made 2 already"), ("max_steps=3", "made 12 already")])
def test_a_run_does_not_end_before_where_it_is(setting: str, says: str, tmp_path: Path) -> None:
    assert train(write(tmp_path, LINEAR), "-o", tmp_path / "run").code == 0
    before = (tmp_path / "run" / "spec.yaml").read_bytes()
    code, output = train("--resume", tmp_path / "run", "--set", f"train.{setting}")
    assert code == 1
    assert "error[A0806]" in output
    assert says in output
    assert (tmp_path / "run" / "spec.yaml").read_bytes() == before


# -- what has changed -----------------------------------------------------------------------------------------------------


def test_the_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    assert train(write(tmp_path, LINEAR), "-o", tmp_path / "run", "--set", "train.max_steps=7").code == 0
    spec = tmp_path / "run" / "spec.yaml"
    text = spec.read_text()
    assert "out_features: 8" in text
    spec.write_text(text.replace("out_features: 8", "out_features: 9").replace("max_steps: 7", "max_steps: 9"))
    code, output = train("--resume", tmp_path / "run")
    assert code == 1
    assert "error[A0806]: the checkpoint is of another network: `fc1.bias` is (8,) there, (9,) here" in output


PICTURES = """\
archc: 1
name: net
input: {channels: 3, height: 12, width: 12}
stages:
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, out_features: 2}
train:
  data: {type: image_folder, path: pictures, channels: 3, height: 12, width: 12, classes: 2, workers: 0}
  batch_size: 4
  epochs: 2
  optimizer: {type: sgd, lr: 0.1}
"""


def pictures(folder: Path, names: tuple[str, ...] = ("cat", "dog"), count: int = 5) -> Path:
    for part, number in (("train", count), ("test", 2)):
        write_folder(folder / part, number, names)
    return folder


@pytest.mark.parametrize(
    ("names", "count", "says"),
    [
        (("apple", "pear"), 5, "2 classes (cat, dog) then, 2 classes (apple, pear) now"),
        (("cat", "dog"), 6, "10 examples to train and 4 to test on then, 12 examples to train and 4 to test on now"),
    ],
)
def test_other_data_are_refused(names: tuple[str, str], count: int, says: str, tmp_path: Path) -> None:
    pictures(tmp_path / "pictures")
    other = pictures(tmp_path / "other", names, count)
    assert train(write(tmp_path, PICTURES), "-o", tmp_path / "run").code == 0
    more = ("--set", "train.epochs=3")
    code, output = train("--resume", tmp_path / "run", "--data", other, *more)
    assert code == 1
    assert f"error[A0806]: the data are not those that the run began with: {says}" in output
    assert train("--resume", tmp_path / "run", *more).code == 0


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_picture_that_cannot_be_read_loses_no_step(part: str, tmp_path: Path) -> None:
    folder = pictures(tmp_path / "pictures")
    assert train(write(tmp_path, PICTURES), "-o", tmp_path / "whole").code == 0
    broken = folder / part / "dog" / "1.png"
    good = broken.read_bytes()
    broken.write_bytes(good[:20])
    code, output = train(write(tmp_path, PICTURES), "-o", tmp_path / "run")
    assert code == 1
    assert "error[A0803]" in output
    assert "1.png" in (tmp_path / "run" / "log.txt").read_text()
    made = len(losses(tmp_path / "run"))
    assert made == 3 or part == "train"
    broken.write_bytes(good)
    code, output = train("--resume", tmp_path / "run")
    assert code == 0
    assert not made or f"continuing after step {made}" in output
    assert same(last(tmp_path / "run"), last(tmp_path / "whole"))
    assert rows(tmp_path / "run") == rows(tmp_path / "whole")


def test_gradients_that_wait_where_a_picture_cannot_be_read_are_made_again(tmp_path: Path) -> None:
    folder, args = pictures(tmp_path / "pictures"), ("--set", "train.accumulate=2", "--set", "train.save_every=1")
    assert train(write(tmp_path, PICTURES), "-o", tmp_path / "whole", *args).code == 0
    at = int(order(0, 0, 10)[4])  # the first example of the second batch, whose step it is as well
    broken = folder / "train" / ("cat", "dog")[at // 5] / f"{at % 5}.png"
    good = broken.read_bytes()
    broken.write_bytes(good[:20])
    assert train(write(tmp_path, PICTURES), "-o", tmp_path / "run", *args).code == 1
    broken.write_bytes(good)
    assert train("--resume", tmp_path / "run").code == 0
    assert same(last(tmp_path / "run"), last(tmp_path / "whole"))
    assert losses(tmp_path / "run") == losses(tmp_path / "whole")


# -- weights that are no numbers ------------------------------------------------------------------------------------------


def test_weights_that_are_not_finite_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = torch.optim.SGD.step

    def step(self: torch.optim.SGD, *args: Any, **more: Any) -> object:
        done = original(self, *args, **more)
        with torch.no_grad():
            self.param_groups[0]["params"][1][0] = float("inf")
        return done

    monkeypatch.setattr(torch.optim.SGD, "step", step)
    code, output = train(write(tmp_path, LINEAR), "-o", tmp_path / "run", "--set", "train.max_steps=1")
    assert code == 1
    assert "error[A0807]: weights are not finite after step 1" in output
    assert "the first is `fc1.bias`" in output
    assert os.listdir(tmp_path / "run" / "checkpoints") == []


def test_a_test_that_comes_to_no_number_ends_the_run(tmp_path: Path) -> None:
    text = LINEAR.replace("{type: sgd, lr: 0.1}", "{type: sgd, lr: 1e38}").replace("tanh", "relu")
    code, output = train(write(tmp_path, text), "-o", tmp_path / "run", "--set", "train.max_steps=1")
    assert code == 1
    assert "error[A0807]: the loss of the test is nan after step 1, in epoch 1" in output
    assert not checkpoint_names(tmp_path / "run" / "checkpoints", BEST)
