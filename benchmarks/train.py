"""`archc train` beside the usual loop: torchvision's data set, its transforms for each example, a DataLoader.

    python benchmarks/train.py [--networks lenet_bn resnet18] [--rounds 3] [--workers 0] [--threads N] [--data DIR]

Each round runs every way in turn, each in a process of its own; a ratio is the median of those of the rounds. A way is measured
from its fifth step on, by the wall clock and by the CPU time of all its threads and workers, which other work on the
machine disturbs less. `by hand, in memory` is the plain loop over archc's data path: what it is faster than `archc train`
by is the share of the Trainer and of all that a run keeps. Memory is the peak of the process.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

STEPS = {"lenet_bn": 110, "resnet18": 6}
WARM = {"lenet_bn": 10, "resnet18": 2}
OURS = {"lenet_bn": [], "resnet18": ["train.channels_last=true"]}
"""What is set for `archc train`."""
WAYS = ("archc train", "tutorial", "by hand, in memory", "Lightning, in memory", "archc, bfloat16")


class Clock:
    """Wall and CPU time from the step `warm` on."""

    def __init__(self, warm: int) -> None:
        self.warm, self.made, self.start = warm, 0, (0.0, 0.0)
        self.end = self.start

    def tick(self) -> None:
        self.made += 1
        now = (time.perf_counter(), cpu())
        if self.made == self.warm:
            self.start = now
        self.end = now

    def result(self, size: int) -> dict[str, float]:
        count = (self.made - self.warm) * size
        wall, used = (end - start for start, end in zip(self.start, self.end, strict=True))
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return {"wall": count / wall, "cpu": count / used, "memory": memory}


def cpu() -> float:
    """CPU seconds of this process, its threads and its children as far as they have ended."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


def ours(name: str, options: argparse.Namespace, *more: str) -> dict[str, float]:
    from archc.api import load_with
    from archc.train.keeper import Keeper
    from archc.train.progress import Sums
    from archc.train.runner import Options, train
    from archc.train.settings import settings_of
    from archc.train.task import Task

    clock = Clock(WARM[name])
    original = Keeper.on_train_batch_end

    def timed(self: Keeper, *args: Any) -> None:
        original(self, *args)
        clock.tick()

    Keeper.on_train_batch_end = timed  # type: ignore[method-assign]
    Task.tested = lambda self: Sums(0.0, 0.0, 1.0)  # type: ignore[method-assign]
    spec = load_with(f"fashion_mnist/{name}", [f"train.max_steps={STEPS[name]}", *OURS[name], *more])
    with tempfile.TemporaryDirectory() as folder:
        train(spec, Options(output=Path(folder) / "run", data=options.data, threads=options.threads))
    return clock.result(settings_of(spec).batch_size)


def ours_in_bfloat16(name: str, options: argparse.Namespace) -> dict[str, float]:
    return ours(name, options, "train.precision=bfloat16")


def theirs(name: str, options: argparse.Namespace) -> dict[str, float]:
    import torch
    from handwritten import NETWORKS, fashion_mnist, unpacked
    from torch.utils.data import DataLoader

    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        settings = settings_for(name)
        data = fashion_mnist(unpacked(options.data, Path(folder)), settings.data["resize"])
        loader = DataLoader(data, settings.batch_size, shuffle=True, num_workers=options.workers)
        return looped(name, NETWORKS[name](), iter(loader), settings)


def in_memory(name: str, options: argparse.Namespace) -> tuple[Any, Iterator[Any], Any]:
    """archc's module, the batches that it gives it, and the settings of the spec; memory kept as a run keeps it."""
    import torch

    from archc.api import load
    from archc.train.batches import Batches
    from archc.train.chance import order
    from archc.train.data import Places, load_data
    from archc.train.memory import keep_memory
    from archc.train.pictures import pictures_of

    torch.set_num_threads(options.threads)
    keep_memory()
    settings = settings_for(name)
    data = load_data(settings, Places(options.data))
    pictures = pictures_of(settings, data)
    is_last = "train.channels_last=true" in OURS[name]
    form = torch.channels_last if is_last else torch.contiguous_format
    net = load(f"fashion_mnist/{name}").to_torch().to(memory_format=form)

    def batches() -> Iterator[Any]:
        for inputs, labels, indices, _ in Batches(data.train, order(0, 0, len(data.train)), settings.batch_size):
            yield pictures(inputs, indices, 0).contiguous(memory_format=form), labels

    return net, batches(), settings


def by_hand(name: str, options: argparse.Namespace) -> dict[str, float]:
    return looped(name, *in_memory(name, options))


def by_lightning(name: str, options: argparse.Namespace) -> dict[str, float]:
    """`looped` in a Trainer that does nothing else."""
    import torch
    from lightning.pytorch import LightningModule, Trainer
    from torch.nn import functional

    net, batches, settings = in_memory(name, options)
    clock, sums = Clock(WARM[name]), [0.0, 0.0, 0.0]

    class Plain(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.net.parameters(), lr=settings.optimizer["lr"])

        def training_step(self, batch: Any, _: int) -> Any:
            outputs = self.net(batch[0])
            loss = functional.cross_entropy(outputs, batch[1])
            with torch.no_grad():
                right = float((outputs.argmax(1) == batch[1]).sum())
                for at, value in enumerate((loss.item() * len(batch[1]), right, len(batch[1]))):
                    sums[at] += value
            return loss

        def on_train_batch_end(self, *_: Any) -> None:
            clock.tick()

    Trainer(accelerator="cpu", max_steps=STEPS[name], barebones=True).fit(Plain(), batches)
    return clock.result(settings.batch_size)


def settings_for(name: str) -> Any:
    from archc.api import load
    from archc.train.settings import settings_of

    return settings_of(load(f"fashion_mnist/{name}"))


def looped(name: str, net: Any, batches: Iterator[Any], settings: Any) -> dict[str, float]:
    """The usual loop, with the sums of loss and accuracy that it prints."""
    import torch
    from torch.nn import functional

    clock = Clock(WARM[name])
    optimizer = torch.optim.SGD(net.parameters(), lr=settings.optimizer["lr"])
    net.train()
    loss_sum, right, count = 0.0, 0.0, 0
    for _ in range(STEPS[name]):
        inputs, labels = next(batches)
        optimizer.zero_grad()
        outputs = net(inputs)
        loss = functional.cross_entropy(outputs, labels)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            loss_sum += loss.item() * len(labels)
            right += float((outputs.argmax(1) == labels).sum())
            count += len(labels)
        clock.tick()
    return clock.result(settings.batch_size)


RUN: dict[str, Callable[[str, argparse.Namespace], dict[str, float]]] = dict(
    zip(WAYS, (ours, theirs, by_hand, by_lightning, ours_in_bfloat16), strict=True)
)


def measured(way: str, name: str, options: argparse.Namespace) -> dict[str, float]:
    """One way, in a process of its own."""
    words = [sys.executable, __file__, "--one", way, "--networks", name, "--workers", str(options.workers)]
    words += ["--threads", str(options.threads), "--data", str(options.data)]
    found = subprocess.run(words, capture_output=True, text=True, check=True)
    result: dict[str, float] = json.loads(found.stdout.splitlines()[-1])
    return result


def ratios(rounds: list[dict[str, dict[str, float]]], key: str, base: str) -> dict[str, float]:
    """How many times the rate of the way `base` each way has: the median over rounds."""
    return {way: median(one[way][key] / one[base][key] for one in rounds) for way in WAYS}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=list(STEPS), default=list(STEPS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--data", type=Path, default=Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--one", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        print(json.dumps(RUN[options.one](options.networks[0], options)))
        return 0
    for name in options.networks:
        rounds = [{way: measured(way, name, options) for way in WAYS} for _ in range(options.rounds)]
        figures = {
            way: {key: median(one[way][key] for one in rounds) for key in ("wall", "cpu", "memory")} for way in WAYS
        }
        print(f"{name}, {options.threads} thread(s), {options.workers} worker(s), medians of {options.rounds}")
        for way, found in figures.items():
            print(
                f"  {way:20} {found['wall']:8,.0f} examples/s  {found['cpu']:8,.0f} by CPU time  {found['memory']:6,.0f} MiB"
            )
        for key, word in (("wall", "wall"), ("cpu", "CPU time")):
            peer, bare = (ratios(rounds, key, way) for way in ("tutorial", "by hand, in memory"))
            print(
                f"  by {word}: {peer['archc train']:.2f} times the tutorial's, in bfloat16 "
                f"{peer['archc, bfloat16']:.2f} times; without any Trainer {peer['by hand, in memory']:.2f} times; "
                f"of a step Lightning takes {1 - bare['Lightning, in memory']:.1%}, with the run's records "
                f"{1 - bare['archc train']:.1%}"
            )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
