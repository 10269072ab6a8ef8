"""`archc validate` as a whole process: beside torch's meta device, and by the number of ops.

Run it with the project's development environment (torch and torchvision for the peer):

    python benchmarks/validate.py [--runs 5] [--compile]

Wall and CPU time are medians, memory is the peak. Nothing here is asserted anywhere.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from commands import META, Figure, measure, median, row

HEAD = "archc: 1\nname: net\ninput: {channels: 8, height: 32, width: 32}\n"
CONV = "{type: conv, out_channels: 8, kernel_size: 3, padding: 1}"
UNIT = """blocks:
  unit:
    params: {width: 8, k: {type: sizes, default: 3}, act: {type: block, default: relu}}
    stages:
      - {name: conv, type: conv, out_channels: $width, kernel_size: $k, padding: "${k // 2}", bias: false}
      - {name: norm, type: batch_norm}
      - {name: act, type: $act}
      - {name: reduce, type: conv, out_channels: $width, kernel_size: 1}
"""


def repeated(count: int, *stages: str) -> str:
    """Groups of `stages`, as many as give `count` ops, in repeats of at most 10,000 copies."""
    times = count // len(stages)
    whole, rest = divmod(times, 10_000)
    copies = [10_000] * whole + [rest] * (rest > 0)
    return "".join(f"  - {{repeat: {number}, stages: [{', '.join(stages)}]}}\n" for number in copies)


def nested(count: int) -> str:
    """Groups in groups in groups."""
    inner = f"{{repeat: 10, stages: [{{repeat: 5, stages: [{CONV}, {{type: relu}}]}}]}}"
    return f"  - {{repeat: {count // 100}, stages: [{inner}]}}\n"


def flat(count: int) -> str:
    """Every op written out."""
    return "  - {type: relu}\n" * count


CLAIM = "expect: [8, 32, 32]"
SHAPES: dict[str, Callable[[int], str]] = {
    "a chain": lambda n: HEAD + "stages:\n" + repeated(n, CONV),
    "nested groups": lambda n: HEAD + "stages:\n" + nested(n),
    "blocks with params": lambda n: HEAD + UNIT + f"stages:\n  - {{type: unit, width: 8, repeat: {n // 4}}}\n",
    "skip connections": lambda n: (
        HEAD + "stages:\n" + repeated(n, f"{{name: a, {CONV[1:]}", "{type: add, from: [a, input]}")
    ),
    "a claim on each": lambda n: (
        HEAD + "stages:\n" + repeated(n, f"{CONV[:-1]}, {CLAIM}}}", f"{{type: relu, {CLAIM}}}")
    ),
    "widths by i": lambda n: (
        HEAD + "stages:\n" + repeated(n, CONV.replace("s: 8", "s: '${8 + i % 7}'"), "{type: relu}")
    ),
    "blocks by i": lambda n: HEAD + UNIT + f"stages:\n  - {{type: unit, width: '${{8 + i % 5}}', repeat: {n // 4}}}\n",
    "free sizes": lambda n: (
        HEAD.replace("height: 32", "height: {min: 8, default: 32}") + "stages:\n" + repeated(n, CONV, "{type: relu}")
    ),
    "written out": lambda n: HEAD + "stages:\n" + flat(n),
}
COUNTS = (1000, 2000, 5000, 10_000, 20_000)
MOST_WRITTEN = 10_000
"""A file of 256 KiB holds not many more."""


def shown(figures: list[Figure]) -> str:
    """One cell."""
    failed = " failed" if any(figure.failed for figure in figures) else ""
    return (
        f"{median(figures, 'seconds'):.2f} s ({median(figures, 'cpu'):.2f}), {median(figures, 'mib'):.0f} MiB{failed}"
    )


def growth(command: list[str], counts: tuple[int, ...], runs: int) -> None:
    """Print a row for each kind of network, a cell for each number of ops: wall time (CPU time), memory."""
    print("| ops | " + " | ".join(f"{count:,}" for count in counts) + " |")
    print("|---|" + "---|" * len(counts))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.yaml"
        for name, write in SHAPES.items():
            cells = []
            for count in counts:
                if name == "written out" and count > MOST_WRITTEN:
                    cells.append("-")
                    continue
                path.write_text(write(count), encoding="utf-8")
                arguments = [sys.executable, "-m", "archc", command[0], str(path), *command[1:]]
                cells.append(shown([measure(arguments, Path(folder)) for _ in range(runs)]))
            print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    """Print the comparison and the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--compile", action="store_true", help="the growth of `compile --python` and `--onnx` too")
    options = parser.parse_args()
    spec = Path(__file__).resolve().parent.parent / "specs" / "imagenet" / "resnet152.yaml"
    ours, peer = row(["validate", str(spec)], META.format(name="resnet152"), options.runs)
    print(f"archc validate resnet152: {shown(ours)}")
    if any(figure.failed for figure in peer):
        print("torch's meta device: cannot run here")
    else:
        ratios = [median(peer, field) / median(ours, field) for field in ("seconds", "cpu")]
        print(f"building and running it on torch's meta device: {shown(peer)}; {ratios[0]:.1f} times as long")
    print("\narchc validate:\n")
    growth(["validate"], COUNTS, min(options.runs, 3))
    for target in ("--python", "--onnx") if options.compile else ():
        print(f"\narchc compile {target}:\n")
        growth(["compile", target, "out" + {"--python": ".py", "--onnx": ".onnx"}[target]], COUNTS[:4], 1)


if __name__ == "__main__":
    main()
