"""Many specs in one `archc validate`, by the number of processes: variants of those that ship, with other names and classes."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

from benchmarks.process import archc, failed, in_turn, median
from benchmarks.report import Section

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("imagenet", "fashion_mnist")


def variants(folder: Path, count: int) -> int:
    """Write `count` specs below `folder`, each with a text of its own; the bytes that they have."""
    shutil.copytree(ROOT / "specs" / "families", folder / "families")
    sources = sorted(path for name in FOLDERS for path in (ROOT / "specs" / name).glob("*.yaml"))
    size = 0
    (folder / "nets").mkdir()
    for number in range(count):
        source = sources[number % len(sources)]
        text = source.read_text(encoding="utf-8")
        text = re.sub(r"(?m)^name: *(\S+).*$", rf"name: \1_{number}", text, count=1)
        if "\ntrain:" not in text:  # data has the classes that it has
            text = re.sub(r"num_classes: *\d+", f"num_classes: {10 + number}", text, count=1)
        text = re.sub(r"(?m)^budget:.*\n(?:  .*\n)*", "", text)
        (folder / "nets" / f"{source.stem}_{number:04d}.yaml").write_text(text, encoding="utf-8")
        size += len(text)
    return size


def many(runs: int, count: int = 1000) -> Section:
    """A row for each number of processes."""
    ways = {"one process": ["--jobs", "1"], "as many as cores": ["--jobs", "auto"], "by default": []}
    with tempfile.TemporaryDirectory() as folder:
        size = variants(Path(folder), count)
        figures = in_turn([archc("validate", "nets", *way) for way in ways.values()], Path(folder), runs)
    rows = [
        [name, "failed" if failed(one) else f"{median(one, 'seconds'):.2f} s", f"{median(one, 'cpu'):.2f} s"]
        for name, one in zip(ways, figures, strict=True)
    ]
    note = f"{count:,} specs of {size / 2**20:.1f} MiB together."
    return Section("Many specs in one run", ("archc validate", "wall", "CPU"), rows, note=note)
