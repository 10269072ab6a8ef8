"""`archc train` beside the hand-written loop, step by step: the same seed, order of examples and initial weights.

    python benchmarks/agreement.py lenet_bn=50 googlenet=20 --data DIR [-o DIR]

Prints the largest difference of the losses for each network, and with -o draws both curves.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import torch
from handwritten import NETWORKS, fashion_mnist, loaded, steps, unpacked

from archc.api import load
from archc.cli import main as archc
from archc.train.chance import batch_seed, order
from archc.train.progress import Sums
from archc.train.settings import settings_of
from archc.train.task import Task


def untested(task: Task) -> Sums:
    """In place of a test, which would take longer than the steps that are compared."""
    return Sums(0.0, 0.0, 1.0)


def ours(name: str, count: int, data: Path, folder: Path) -> list[float]:
    Task.tested = untested  # type: ignore[method-assign]
    with contextlib.redirect_stdout(io.StringIO()):
        args = [
            f"fashion_mnist/{name}",
            "-o",
            str(folder),
            "--data",
            str(data),
            "--threads",
            str(torch.get_num_threads()),
        ]
        code = archc(["train", *args, "--set", f"train.max_steps={count}"])
    assert code == 0
    lines = (folder / "steps.csv").read_text(encoding="utf-8").splitlines()[1:]
    return [float(line.rpartition(",")[2]) for line in lines]


def theirs(name: str, count: int, root: Path) -> list[float]:
    settings = settings_of(load(f"fashion_mnist/{name}"))
    net = loaded(NETWORKS[name](), load(f"fashion_mnist/{name}").state().values())
    data = fashion_mnist(root, settings.data["resize"])
    first = order(settings.seed, 0, len(data))
    lr = settings.optimizer["lr"]
    return list(steps(net, data, first, settings.batch_size, lr, count, lambda at: batch_seed(settings.seed, 0, at)))


def draw(name: str, one: list[float], other: list[float], path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.plot(other, "-", label="by hand", linewidth=3, alpha=0.5)
    axes.plot(one, "--", label="archc train")
    axes.set(xlabel="step", ylabel="train loss", title=name)
    axes.legend()
    figure.savefig(path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="+", metavar="NAME=STEPS")
    parser.add_argument("--data", type=Path, default=Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = unpacked(options.data, Path(folder))
        for text in options.networks:
            name, _, count = text.partition("=")
            start = time.perf_counter()
            one = ours(name, int(count), options.data, Path(folder) / name)
            middle = time.perf_counter()
            other = theirs(name, int(count), root)
            worst = max(abs(a - b) for a, b in zip(one, other, strict=True))
            relative = max(abs(a - b) / max(1.0, abs(b)) for a, b in zip(one, other, strict=True))
            print(
                f"{name}: {len(one)} steps, largest difference {worst:.2e} ({relative:.2e} of the loss), first {one[0]:.4f}, last {one[-1]:.4f} and {other[-1]:.4f}; {middle - start:.0f} s, by hand {time.perf_counter() - middle:.0f} s",
                flush=True,
            )
            if options.output is not None:
                options.output.mkdir(parents=True, exist_ok=True)
                draw(name, one, other, options.output / f"{name}.png")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
