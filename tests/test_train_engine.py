"""Every setting does what torch's own piece does in a loop written by hand: the losses are the same, step by step."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("lightning")

import torch
from handwritten import NETWORKS, loaded, steps
from torch.nn import functional
from torch.optim import lr_scheduler
from training import LINEAR, SPEC, best, losses, rows, train, write

import archc
from archc.api import load_with
from archc.spec.losses import LOSSES
from archc.train.chance import batch_seed, order
from archc.train.data import Places, load_data
from archc.train.memory import VARIABLES
from archc.train.objective import FUNCTIONS, objective_of
from archc.train.optimizer import factor_of
from archc.train.pictures import pictures_of
from archc.train.settings import Settings, settings_of


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def given(text: str, *pairs: str) -> Settings:
    return settings_of(load_with("net.yaml", list(pairs), text.encode()))


def ours(folder: Path, text: str, *pairs: str) -> list[float]:
    """The losses of `archc train`."""
    args = [word for pair in pairs for word in ("--set", pair)]
    code, output = train(write(folder, text), "-o", folder / "run", *args)
    assert code == 0, output
    return losses(folder / "run")


Change = Callable[[torch.nn.Module, int], None]


def by_hand(
    text: str,
    make: Callable[[torch.nn.Module], torch.optim.Optimizer],
    *pairs: str,
    loss: Callable[..., torch.Tensor] = functional.cross_entropy,
    before_step: Change = lambda net, step: None,
    accumulate: int = 1,
) -> list[float]:
    """The losses of a plain loop over the same batches, with dropout by the same seeds."""
    spec = load_with("net.yaml", list(pairs), text.encode())
    settings = settings_of(spec)
    data = load_data(settings, Places(None))
    change = pictures_of(settings, data)
    net = spec.to_torch(seed=settings.seed)
    optimizer = make(net)
    found, step = [], 0
    for epoch in range(settings.epochs):
        indices = order(settings.seed, epoch, len(data.train))
        size = settings.batch_size
        batches = [indices[at : at + size] for at in range(0, len(indices), size)]
        for at, part in enumerate(batches):
            inputs, labels = data.train.get(part)
            inputs = change(inputs, torch.from_numpy(part), epoch)
            torch.manual_seed(batch_seed(settings.seed, epoch, at))
            value = loss(net(inputs), labels)
            (value / accumulate).backward()
            if (at + 1) % accumulate == 0 or at + 1 == len(batches):
                before_step(net, step)
                optimizer.step()
                optimizer.zero_grad()
                step += 1
                found.append(value.item())
    return found


def sgd(net: torch.nn.Module, **more: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(net.parameters(), **{"lr": 0.1, **more})


def split(net: torch.nn.Module, decay: float) -> list[dict[str, Any]]:
    """Parameters by whether they are of weights or of norms and biases."""
    flat = {name for name, one in net.named_parameters() if name.endswith("bias") or name.startswith("bn")}
    named = dict(net.named_parameters())
    weights = [one for name, one in named.items() if name not in flat]
    return [
        {"params": weights, "weight_decay": decay},
        {"params": [named[name] for name in sorted(flat)], "weight_decay": 0.0},
    ]


OPTIMIZERS: dict[str, tuple[str, Callable[[torch.nn.Module], torch.optim.Optimizer]]] = {
    "sgd": ("{type: sgd, lr: 0.1}", sgd),
    "momentum": ("{type: sgd, lr: 0.1, momentum: 0.9}", lambda net: sgd(net, momentum=0.9)),
    "nesterov": (
        "{type: sgd, lr: 0.1, momentum: 0.9, nesterov: true}",
        lambda net: sgd(net, momentum=0.9, nesterov=True),
    ),
    "decay": ("{type: sgd, lr: 0.1, weight_decay: 0.1}", lambda net: sgd(net, weight_decay=0.1)),
    "decay of weights": (
        "{type: sgd, lr: 0.1, weight_decay: 0.1, decay_norms_and_biases: false}",
        lambda net: torch.optim.SGD(split(net, 0.1), lr=0.1),
    ),
    "adam": ("{type: adam, lr: 0.01}", lambda net: torch.optim.Adam(net.parameters(), lr=0.01)),
    "adam's fields": (
        "{type: adam, lr: 0.01, betas: [0.8, 0.99], eps: 1e-3, weight_decay: 0.1}",
        lambda net: torch.optim.Adam(net.parameters(), lr=0.01, betas=(0.8, 0.99), eps=1e-3, weight_decay=0.1),
    ),
    "adamw": ("{type: adamw, lr: 0.01}", lambda net: torch.optim.AdamW(net.parameters(), lr=0.01)),
    "rmsprop": ("{type: rmsprop, lr: 0.01}", lambda net: torch.optim.RMSprop(net.parameters(), lr=0.01)),
    "rmsprop's fields": (
        "{type: rmsprop, lr: 0.01, alpha: 0.9, momentum: 0.5}",
        lambda net: torch.optim.RMSprop(net.parameters(), lr=0.01, alpha=0.9, momentum=0.5),
    ),
}

DROPOUT = SPEC.replace("  schedule: {type: cosine, warmup: 0.5}\n  ema: 0.9\n", "")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_is_torchs(name: str, tmp_path: Path) -> None:
    text, make = OPTIMIZERS[name]
    setting = f"train.optimizer={text}"
    assert ours(tmp_path, DROPOUT, setting) == pytest.approx(by_hand(DROPOUT, make, setting), abs=1e-6)


def test_the_comparison_can_fail(tmp_path: Path) -> None:
    setting = "train.optimizer={type: sgd, lr: 0.1, momentum: 0.9}"
    assert ours(tmp_path, DROPOUT, setting) != pytest.approx(by_hand(DROPOUT, sgd, setting), abs=1e-6)


def test_gradients_are_clipped_by_their_norm(tmp_path: Path) -> None:
    def clip(net: torch.nn.Module, step: int) -> None:
        torch.nn.utils.clip_grad_norm_(net.parameters(), 0.1)

    assert ours(tmp_path, LINEAR, "train.clip_norm=0.1") == pytest.approx(
        by_hand(LINEAR, sgd, before_step=clip), abs=1e-6
    )


@pytest.mark.parametrize("count", [2, 4])
def test_gradients_accumulate(count: int, tmp_path: Path) -> None:
    found = ours(tmp_path, LINEAR, f"train.accumulate={count}")
    assert len(found) == 2 * -(-6 // count)
    assert found == pytest.approx(by_hand(LINEAR, sgd, accumulate=count), abs=1e-6)


def test_labels_are_smoothed(tmp_path: Path) -> None:
    def loss(outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(outputs, labels, label_smoothing=0.2)

    assert ours(tmp_path, LINEAR, "train.loss.label_smoothing=0.2") == pytest.approx(
        by_hand(LINEAR, sgd, loss=loss), abs=1e-6
    )


def test_the_average_of_weights_is_what_is_tested_and_kept(tmp_path: Path) -> None:
    ours(tmp_path, LINEAR, "train.ema=0.5", "train.max_steps=3", "train.epochs=1")
    kept = best(tmp_path / "run")
    states = []

    def note(net: torch.nn.Module, step: int) -> None:
        states.append({name: tensor.clone() for name, tensor in net.state_dict().items()})

    by_hand(LINEAR, sgd, "train.epochs=1", before_step=note)
    average = states[1]  # the weights after the first step
    for state in states[2:4]:
        average = {name: 0.5 * average[name] + 0.5 * state[name] for name in average}
    assert all(torch.allclose(kept[name], average[name], atol=1e-6) for name in average)


# -- schedules --------------------------------------------------------------------------------------------------------------

PER_EPOCH = 6
TOTAL = 10 * PER_EPOCH
SCHEDULES: dict[str, Callable[[torch.optim.Optimizer], Any]] = {
    "constant": lambda one: lr_scheduler.ConstantLR(one, 1.0),
    "{type: step, step_size: 3, gamma: 0.5}": lambda one: lr_scheduler.StepLR(one, 3 * PER_EPOCH, 0.5),
    "{type: multi_step, milestones: [2, 7]}": lambda one: lr_scheduler.MultiStepLR(one, [2 * PER_EPOCH, 7 * PER_EPOCH]),
    "cosine": lambda one: lr_scheduler.CosineAnnealingLR(one, TOTAL),
    "{type: cosine, min_lr: 0.02}": lambda one: lr_scheduler.CosineAnnealingLR(one, TOTAL, 0.02),
    "one_cycle": lambda one: lr_scheduler.OneCycleLR(one, 0.1, TOTAL, cycle_momentum=False),
    "{type: one_cycle, warmup_share: 0.5, start_factor: 0.1, end_factor: 1e-3}": lambda one: lr_scheduler.OneCycleLR(
        one, 0.1, TOTAL, pct_start=0.5, div_factor=10, final_div_factor=100, cycle_momentum=False
    ),
}


@pytest.mark.parametrize("text", SCHEDULES)
def test_a_schedule_is_torchs(text: str) -> None:
    factor = factor_of(given(LINEAR, f"train.schedule={text}", "train.epochs=10"), PER_EPOCH)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler = SCHEDULES[text](optimizer)
    for step in range(TOTAL):
        assert 0.1 * factor(step) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-6, abs=1e-9), step
        optimizer.step()
        if step + 1 < TOTAL:
            scheduler.step()


@pytest.mark.parametrize("text", ["constant", "cosine", "{type: step, step_size: 1}"])
def test_a_warm_up_rises_to_the_schedule(text: str) -> None:
    settings = given(LINEAR, f"train.schedule={text}", "train.epochs=10")
    plain = factor_of(settings, PER_EPOCH)
    warm = factor_of(given(LINEAR, f"train.schedule={text}", "train.schedule.warmup=1.5", "train.epochs=10"), PER_EPOCH)
    for step in range(TOTAL):
        assert warm(step) == pytest.approx(plain(step) * min(1.0, (step + 1) / 9))


def test_steps_follow_the_schedule(tmp_path: Path) -> None:
    ours(tmp_path, LINEAR, "train.schedule=cosine")
    factor = factor_of(given(LINEAR, "train.schedule=cosine"), PER_EPOCH)
    lines = (tmp_path / "run" / "steps.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert [float(line.split(",")[2]) for line in lines] == pytest.approx([0.1 * factor(step) for step in range(12)])


# -- labels and losses --------------------------------------------------------------------------------------------------------

HEADS = {"logits": "", "log-probabilities": "log_softmax", "probabilities": "sigmoid", "numbers": ""}


def net_for(loss: str, label: str) -> str:
    takes = LOSSES[loss].takes
    last = {"log-probabilities": "  - {type: log_softmax}\n", "probabilities": "  - {type: sigmoid}\n"}.get(takes, "")
    if label == "map":
        size, data = (
            "{channels: 2, height: 4, width: 4}",
            "{type: synthetic, channels: 2, height: 4, width: 4, classes: 3}",
        )
        layer = "  - {type: conv, out_channels: 3, kernel_size: 1}\n"
    else:
        size, data = "{features: 6}", "{type: synthetic, features: 6, classes: 3}"
        layer = "  - {type: linear, out_features: 3}\n"
        if label == "float":
            data, label = "{type: synthetic, features: 6}", "{type: float, shape: [3]}"
    return (
        f"archc: 1\nname: net\ninput: {size}\nstages:\n{layer}{last}"
        f"train:\n  data: {data}\n  label: {label}\n  loss: {loss}\n"
        "  batch_size: 64\n  epochs: 3\n  optimizer: {type: adam, lr: 0.03}\n"
    )


PAIRS = [
    (loss, label)
    for loss, entry in LOSSES.items()
    for label in entry.labels
    if (loss, label) != ("cross_entropy", "float")
]


@pytest.mark.parametrize(("loss", "label"), PAIRS)
def test_a_network_learns_by_every_loss_and_label(loss: str, label: str, tmp_path: Path) -> None:
    found = ours(tmp_path, net_for(loss, label))
    assert sum(found[-8:]) < sum(found[:8])
    if label != "float":
        assert float(rows(tmp_path / "run")[-1].split(",")[6]) > 0.5  # of three classes
    else:
        assert rows(tmp_path / "run")[-1].split(",")[6] == ""


def test_every_loss_has_its_function() -> None:
    assert set(FUNCTIONS) == set(LOSSES)


AUXILIARY = """\
archc: 1
name: two
input: {features: 6}
stages:
  - {name: body, type: linear, out_features: 8}
  - {name: main, type: linear, from: body, out_features: 3}
  - {name: side, type: linear, from: body, out_features: 3}
outputs: {logits: main, early: {from: side, only: training}}
train:
  data: {type: synthetic, features: 6, classes: 3, examples: 96}
  loss: {type: cross_entropy, weights: {early: 0.3}}
  batch_size: 16
  epochs: 2
  optimizer: {type: sgd, lr: 0.1}
"""


def test_auxiliary_outputs_take_part_by_their_weight(tmp_path: Path) -> None:
    def loss(outputs: Any, labels: torch.Tensor) -> torch.Tensor:
        main, side = outputs
        return functional.cross_entropy(main, labels) + 0.3 * functional.cross_entropy(side, labels)

    assert ours(tmp_path, AUXILIARY) == pytest.approx(by_hand(AUXILIARY, sgd, loss=loss), abs=1e-6)


def test_an_output_of_weight_nothing_does_not_take_part(tmp_path: Path) -> None:
    def loss(outputs: Any, labels: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(outputs[0], labels)

    pair = "train.loss.weights.early=0"
    assert ours(tmp_path, AUXILIARY, pair) == pytest.approx(by_hand(AUXILIARY, sgd, pair, loss=loss), abs=1e-6)


def test_one_number_says_yes_or_no() -> None:
    text = (
        net_for("bce_with_logits", "float")
        .replace("out_features: 3", "out_features: 1")
        .replace("shape: [3]", "shape: [1]")
    )
    text = text.replace("features: 6}\n  label", "features: 6, classes: 2}\n  label")
    spec = load_with("net.yaml", [], text.encode())
    objective = objective_of(spec.graph, settings_of(spec))
    right = objective.right(torch.tensor([[0.3], [-0.2], [2.0]]), torch.tensor([[1.0], [1.0], [1.0]]), training=False)
    assert right is not None
    assert (int(right[0]), right[1]) == (2, 3)


# -- ways to run ----------------------------------------------------------------------------------------------------------------


def test_bfloat16_is_near(tmp_path: Path) -> None:
    whole = by_hand(DROPOUT, lambda net: torch.optim.AdamW(net.parameters(), lr=0.01))
    found = ours(tmp_path, DROPOUT, "train.precision=bfloat16")
    assert found != pytest.approx(whole, abs=1e-7)
    assert found == pytest.approx(whole, rel=0.05)


def test_channels_last_is_the_same(tmp_path: Path) -> None:
    whole = by_hand(DROPOUT, lambda net: torch.optim.AdamW(net.parameters(), lr=0.01))
    assert ours(tmp_path, DROPOUT, "train.channels_last=true") == pytest.approx(whole, abs=1e-4)


def test_a_compiled_network_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled to the graph alone: the code behind it, C++ on a CPU, takes minutes to make."""
    calls = []
    original = torch.compile

    def compiled(net: torch.nn.Module) -> Any:
        calls.append(net)
        return original(net, backend="eager", fullgraph=True)

    monkeypatch.setattr(torch, "compile", compiled)
    assert ours(tmp_path, LINEAR, "train.compile=true", "train.epochs=1") == pytest.approx(
        by_hand(LINEAR, sgd, "train.epochs=1"), abs=1e-5
    )
    assert len(calls) == 1


def test_float16_needs_a_gpu(tmp_path: Path) -> None:
    code, output = train(
        write(tmp_path, LINEAR), "-o", tmp_path / "run", "--set", "train.precision=float16", "--device", "cpu"
    )
    assert code == 1
    assert "error[A0808]: `float16` needs a GPU" in output
    assert not (tmp_path / "run").exists()


def test_patience_ends_a_run(tmp_path: Path) -> None:
    ours(tmp_path, LINEAR, "train.optimizer.lr=1e-12", "train.epochs=50", "train.patience=3")
    assert len(rows(tmp_path / "run")) == 1 + 4
    assert "ended already" in train("--resume", tmp_path / "run").output
    assert train("--resume", tmp_path / "run", "--set", "train.patience=5").code == 0
    assert len(rows(tmp_path / "run")) == 1 + 6


def test_the_last_examples_can_be_left_out(tmp_path: Path) -> None:
    assert len(ours(tmp_path, LINEAR, "train.batch_size=40", "train.drop_last=true")) == 4
    assert len(ours(tmp_path / "run", LINEAR, "train.batch_size=40")) == 6


@pytest.mark.parametrize("name", ["lenet_bn"])
def test_a_network_of_the_table_is_trained_as_by_hand(name: str, tmp_path: Path) -> None:
    """On made-up pictures, for few steps; `benchmarks/agreement.py` has all of them on Fashion-MNIST."""
    pairs = [
        "train.data={type: synthetic, channels: 1, height: 28, width: 28, classes: 10, examples: 640}",
        "train.batch_size=64",
        "train.epochs=1",
    ]
    code, output = train(
        f"fashion_mnist/{name}", "-o", tmp_path / "run", *(word for pair in pairs for word in ("--set", pair))
    )
    assert code == 0, output
    spec = load_with(f"fashion_mnist/{name}", pairs)
    settings = settings_of(spec)
    examples = load_data(settings, Places(None)).train
    pictures = [tuple(tensor[0] for tensor in examples.get(order(0, 0, 640)[at : at + 1])) for at in range(640)]
    net = loaded(NETWORKS[name](), archc.load(f"fashion_mnist/{name}").state().values())
    found = list(steps(net, pictures, range(640), 64, settings.optimizer["lr"], 10, lambda at: batch_seed(0, 0, at)))
    assert losses(tmp_path / "run") == pytest.approx(found, abs=1e-4)


# -- what a run leaves ------------------------------------------------------------------------------------------------------------


def test_a_run_folder_says_all(tmp_path: Path) -> None:
    ours(tmp_path, SPEC)
    run = tmp_path / "run"
    spec = archc.load(run / "spec.yaml")
    assert spec.check(warnings=False) == []
    environment = json.loads((run / "environment.json").read_text(encoding="utf-8"))
    assert environment["torch"] == torch.__version__.partition("+")[0]
    assert environment["classes"] == [str(at) for at in range(10)]
    assert (run / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert list((run / "events").iterdir())
    head = (run / "metrics.csv").read_text(encoding="utf-8").splitlines()[0]
    assert head == "epoch,step,lr,train_loss,train_accuracy,test_loss,test_accuracy,seconds"
    assert "best test accuracy" in (run / "log.txt").read_text(encoding="utf-8")
    (name,) = [path.name for path in (run / "checkpoints").glob("best-*.safetensors")]
    assert {key: prod(value.shape) for key, value in spec.weights(run / "checkpoints" / name).items()} == {
        key: prod(value.shape) for key, value in spec.state().items()
    }


def test_events_are_what_tensorboard_reads(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    ours(tmp_path, LINEAR)
    events = EventAccumulator(str(tmp_path / "run" / "events"))
    events.Reload()
    assert set(events.Tags()["scalars"]) == {"train/loss", "train/accuracy", "test/loss", "test/accuracy", "lr"}
    told = [float(line.split(",")[3]) for line in rows(tmp_path / "run")[1:]]
    assert [one.value for one in events.Scalars("train/loss")] == pytest.approx(told)


def test_the_same_seed_gives_the_same_run_and_another_seed_another(tmp_path: Path) -> None:
    for name in ("one", "two", "other"):
        (tmp_path / name).mkdir()
    assert ours(tmp_path / "one", SPEC) == ours(tmp_path / "two", SPEC)
    assert ours(tmp_path / "other", SPEC, "train.seed=5") != losses(tmp_path / "one" / "run")


def test_a_spec_without_training_says_so(tmp_path: Path) -> None:
    text = LINEAR.partition("train:")[0]
    code, output = train(write(tmp_path, text), "-o", tmp_path / "run")
    assert code == 1
    assert "error[A0102]: the spec has no `train`" in output
    pairs = (
        "train.data={type: synthetic, features: 6, classes: 3}",
        "train.batch_size=64",
        "train.epochs=1",
        "train.optimizer={type: sgd, lr: 0.1}",
    )
    assert (
        train(write(tmp_path, text), "-o", tmp_path / "run", *(word for pair in pairs for word in ("--set", pair))).code
        == 0
    )


@pytest.mark.parametrize(
    "args",
    [[], ["net.yaml", "--resume", "run"], ["--resume", "run", "-o", "x"], ["net.yaml", "--from", "x"]],
    ids=["nothing", "both", "two folders", "from nothing"],
)
def test_bad_usage(args: list[str]) -> None:
    assert train(*args).code == 2


@pytest.mark.parametrize("count", ["abc", "0", "1025", "1.5", ""])
def test_what_is_no_number_of_threads_is_told(count: str, capsys: pytest.CaptureFixture[str]) -> None:
    from archc.cli import main

    with pytest.raises(SystemExit):
        main(["train", "net.yaml", "--threads", count])
    assert "argument --threads: a number of threads is 1 to 1024" in capsys.readouterr().err


KEPT = """\
import resource, sys
import numpy as np
from archc.train.memory import keep_memory

print(keep_memory())

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(2**24, np.float32)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
print(faults())
"""
"""Allocates 64 MiB twice; prints the page faults of the second time."""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what is set is a setting of glibc")
def test_memory_is_kept_between_steps_unless_the_user_has_chosen() -> None:
    def run(**more: str) -> list[str]:
        plain = {name: value for name, value in os.environ.items() if name not in VARIABLES}
        words = [sys.executable, "-c", KEPT]
        return subprocess.run(words, env=plain | more, capture_output=True, text=True, check=True).stdout.split()

    if run()[0] == "False":
        pytest.skip("this system's C library is not glibc")
    assert int(run()[1]) < 100
    is_kept, faults = run(MALLOC_MMAP_THRESHOLD_="1000000")
    assert is_kept == "False"
    assert int(faults) > 100  # with pages of 4 KiB they would be 16,384
