"""Wall time and peak memory of whole commands, each in turn with what people do today.

Run it with the project's development environment (torch, torchvision and onnxscript for the peers):

    python benchmarks/commands.py [--runs 5]

A row whose peer cannot be imported says so. Nothing here is asserted anywhere.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

META = """
import torch, torchvision
with torch.device("meta"):
    net = torchvision.models.get_model("{name}", weights=None)
    net(torch.empty(2, 3, 224, 224))
"""
EXPORT = """
import torch, torchvision
net = torchvision.models.get_model("{name}", weights=None).eval()
torch.onnx.export(net, (torch.zeros(2, 3, 224, 224),), "peer.onnx", dynamo=True, dynamic_shapes=({{0: torch.export.Dim("N")}},))
"""
ROWS = (
    (
        "validate resnet152",
        ["validate", "resnet152"],
        "build and run it on torch's meta device",
        META.format(name="resnet152"),
    ),
    ("show resnet152", ["show", "resnet152"], "build and run it on torch's meta device", META.format(name="resnet152")),
    (
        "compile resnet18 --onnx",
        ["compile", "resnet18", "--onnx"],
        "torch.onnx.export(dynamo=True)",
        EXPORT.format(name="resnet18"),
    ),
    ("compile resnet18 --python", ["compile", "resnet18", "--python"], "", ""),
)


@dataclass(frozen=True)
class Figure:
    """One process: seconds, those of the CPU, and MiB at the peak; `failed` where it did not exit with 0."""

    seconds: float
    cpu: float
    mib: float
    failed: bool


def measure(command: list[str], folder: Path) -> Figure:
    """Run a command as a process of its own."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        os.execve(command[0], command, environment)
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - start
    return Figure(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, status != 0)


def row(ours: list[str], peer: str, runs: int) -> tuple[list[Figure], list[Figure]]:
    """Both sides in turn, after one run of each that does not count."""
    archc = [sys.executable, "-m", "archc", *ours]
    sides: tuple[list[Figure], list[Figure]] = ([], [])
    with tempfile.TemporaryDirectory() as folder:
        for run in range(runs + 1):
            for figures, command in zip(sides, (archc, [sys.executable, "-c", peer] if peer else []), strict=True):
                if command:
                    figure = measure(command, Path(folder))
                    figures += [figure] if run else []
    return sides


def median(figures: list[Figure], field: str) -> float:
    """The median of one field."""
    return statistics.median(getattr(figure, field) for figure in figures)


def main() -> None:
    """Print the table, and the lines of each module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    for name, ours, what, peer in ROWS:
        mine, theirs = row(ours, peer, runs)
        line = f"archc {name}: {median(mine, 'seconds'):.2f} s, {median(mine, 'mib'):.0f} MiB"
        if any(figure.failed for figure in mine):
            line += " (failed)"
        if any(figure.failed for figure in theirs):
            line += f"; {what}: cannot run here"
        elif theirs:
            ratio = median(theirs, "seconds") / median(mine, "seconds")
            line += f"; {what}: {median(theirs, 'seconds'):.2f} s, {median(theirs, 'mib'):.0f} MiB; {ratio:.1f} times as long"
        print(line)
    package = Path(__file__).parent.parent / "archc"
    counts = sorted(
        (len(path.read_text(encoding="utf-8").splitlines()), str(path.relative_to(package)))
        for path in package.rglob("*.py")
    )
    print(
        f"{len(counts)} modules, {sum(count for count, _ in counts)} lines, median {counts[len(counts) // 2][0]}, largest {counts[-1][0]} ({counts[-1][1]})"
    )


if __name__ == "__main__":
    main()
