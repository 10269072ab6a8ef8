"""`archc train` beside the usual loop: torchvision's data set, its transforms for each example, a DataLoader.

    python benchmarks/train.py [--cases lenet_bn ...] [--rounds 3] [--workers 0] [--threads N] [--data DIR]

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
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))


@dataclass(frozen=True, slots=True)
class Case:
    """A network of specs/fashion_mnist, as many steps, of which the first do not count, and what is set."""

    network: str
    steps: int
    warm: int
    settings: tuple[str, ...] = ()
    """For both sides."""
    ours: tuple[str, ...] = ()
    """For archc alone."""


CASES = {
    "lenet_bn": Case("lenet_bn", 110, 10),
    "lenet_bn, normalised": Case("lenet_bn", 110, 10, ("train.data.normalize=true",)),
    "resnet18": Case("resnet18", 6, 2, ours=("train.channels_last=true",)),
}
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


def ours(case: Case, options: argparse.Namespace, *more: str) -> dict[str, float]:
    from archc.api import load_with
    from archc.train.keeper import Keeper
    from archc.train.progress import Sums
    from archc.train.runner import Options, train
    from archc.train.settings import settings_of
    from archc.train.task import Task

    clock = Clock(case.warm)
    original = Keeper.on_train_batch_end

    def timed(self: Keeper, *args: Any) -> None:
        original(self, *args)
        clock.tick()

    Keeper.on_train_batch_end = timed  # type: ignore[method-assign]
    Task.tested = lambda self: Sums(0.0, 0.0, 1.0)  # type: ignore[method-assign]
    set_here = [f"train.max_steps={case.steps}", *case.settings, *case.ours, *more]
    spec = load_with(f"fashion_mnist/{case.network}", set_here)
    with tempfile.TemporaryDirectory() as folder:
        train(spec, Options(output=Path(folder) / "run", data=options.data, threads=options.threads))
    return clock.result(settings_of(spec).batch_size)


def ours_in_bfloat16(case: Case, options: argparse.Namespace) -> dict[str, float]:
    return ours(case, options, "train.precision=bfloat16")


def theirs(case: Case, options: argparse.Namespace) -> dict[str, float]:
    import torch
    from handwritten import NETWORKS, fashion_mnist, unpacked
    from torch.utils.data import DataLoader

    from archc.spec.datasets import DATA_SETS

    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        settings = settings_for(case)
        known = DATA_SETS["fashion_mnist"]
        normalize = (known.mean, known.std) if settings.data.get("normalize") else None
        data = fashion_mnist(unpacked(options.data, Path(folder)), settings.data["resize"], normalize=normalize)
        loader = DataLoader(data, settings.batch_size, shuffle=True, num_workers=options.workers)
        return looped(case, NETWORKS[case.network](), iter(loader), settings)


def in_memory(case: Case, options: argparse.Namespace) -> tuple[Any, Iterator[Any], Any]:
    """archc's module, the batches that it gives it, and the settings of the spec; memory kept as a run keeps it."""
    import torch

    from archc.api import load
    from archc.train.batches import Batches
    from archc.train.chance import order
    from archc.train.data import Places, load_data
    from archc.train.memory import keep_memory
    from archc.train.pictures import pictures_of
    from archc.train.pooling import tile_pools

    torch.set_num_threads(options.threads)
    keep_memory()
    settings = settings_for(case)
    data = load_data(settings, Places(options.data))
    pictures = pictures_of(settings, data)
    is_last = "train.channels_last=true" in case.ours
    form = torch.channels_last if is_last else torch.contiguous_format
    net = load(f"fashion_mnist/{case.network}").to_torch().to(memory_format=form)
    tile_pools(net)

    def batches() -> Iterator[Any]:
        for inputs, labels, indices, _ in Batches(data.train, order(0, 0, len(data.train)), settings.batch_size):
            yield pictures(inputs, indices, 0).contiguous(memory_format=form), labels

    return net, batches(), settings


def by_hand(case: Case, options: argparse.Namespace) -> dict[str, float]:
    return looped(case, *in_memory(case, options))


def by_lightning(case: Case, options: argparse.Namespace) -> dict[str, float]:
    """`looped` in a Trainer that does nothing else."""
    import torch
    from lightning.pytorch import LightningModule, Trainer
    from torch.nn import functional

    net, batches, settings = in_memory(case, options)
    clock, sums = Clock(case.warm), [0.0, 0.0, 0.0]

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

    Trainer(accelerator="cpu", max_steps=case.steps, barebones=True).fit(Plain(), batches)
    return clock.result(settings.batch_size)


def settings_for(case: Case) -> Any:
    from archc.api import load_with
    from archc.train.settings import settings_of

    return settings_of(load_with(f"fashion_mnist/{case.network}", list(case.settings)))


def looped(case: Case, net: Any, batches: Iterator[Any], settings: Any) -> dict[str, float]:
    """The usual loop, with the sums of loss and accuracy that it prints."""
    import torch
    from torch.nn import functional

    clock = Clock(case.warm)
    optimizer = torch.optim.SGD(net.parameters(), lr=settings.optimizer["lr"])
    net.train()
    loss_sum, right, count = 0.0, 0.0, 0
    for _ in range(case.steps):
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


RUN: dict[str, Callable[[Case, argparse.Namespace], dict[str, float]]] = dict(
    zip(WAYS, (ours, theirs, by_hand, by_lightning, ours_in_bfloat16), strict=True)
)


def measured(way: str, name: str, options: argparse.Namespace) -> dict[str, float]:
    """One way, in a process of its own."""
    words = [sys.executable, __file__, "--one", way, "--cases", name, "--workers", str(options.workers)]
    words += ["--threads", str(options.threads), "--data", str(options.data)]
    found = subprocess.run(words, capture_output=True, text=True, check=True)
    result: dict[str, float] = json.loads(found.stdout.splitlines()[-1])
    return result


def ratios(rounds: list[dict[str, dict[str, float]]], key: str, base: str) -> dict[str, float]:
    """How many times the rate of the way `base` each way has: the median over rounds."""
    return {way: median(one[way][key] / one[base][key] for one in rounds) for way in WAYS}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--data", type=Path, default=Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--one", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        print(json.dumps(RUN[options.one](CASES[options.cases[0]], options)))
        return 0
    for name in options.cases:
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
