"""`archc validate` and `compile` by the number of ops, of networks of several kinds."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.process import archc, failed, in_turn, median
from benchmarks.report import Section

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
COUNTS = (100, 1000, 2000, 5000, 10_000, 20_000)
FEW = (100, 1000, 10_000)
MOST_WRITTEN = 10_000
"""A file of 256 KiB holds not many more."""


def growth(runs: int) -> Section:
    """A row for each kind of network, a cell for each number of ops: CPU time and memory of the whole process."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, write in SHAPES.items():
            rows.append([name, *(cell(write, ["validate"], count, Path(folder), runs) for count in COUNTS)])
        for target in ("--python", "--onnx"):
            name, kind = f"compile {target}", ["compile", target, "out.py" if target == "--python" else "out.onnx"]
            cells = [cell(SHAPES["a chain"], kind, count, Path(folder), 1) if count in FEW else "-" for count in COUNTS]
            rows.append([f"a chain, {name}", *cells])
    head = ["ops", *(f"{count:,}" for count in COUNTS)]
    note = "`archc validate`, where nothing else is said, as a whole process: CPU time, memory."
    return Section("By the number of ops", head, rows, note=note)


def cell(write: Callable[[int], str], command: list[str], count: int, folder: Path, runs: int) -> str:
    """CPU time and memory for a network of `count` ops; `-` where no file holds as many."""
    if write is SHAPES["written out"] and count > MOST_WRITTEN:
        return "-"
    (folder / "net.yaml").write_text(write(count), encoding="utf-8")
    (figures,) = in_turn([archc(command[0], "net.yaml", *command[1:])], folder, runs)
    return "failed" if failed(figures) else f"{median(figures, 'cpu'):.2f} s, {median(figures, 'mib'):.0f} MiB"
