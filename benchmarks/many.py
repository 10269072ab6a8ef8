"""Many specs in one `archc validate`: wall time and CPU time, by the number of processes.

    python benchmarks/many.py [--specs 1000] [--runs 3]

The specs are variants of those that ship (another name, other classes), written to a temporary
folder. Nothing here is asserted anywhere.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

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


def run(folder: Path, arguments: list[str]) -> tuple[float, float, str]:
    """Wall seconds, CPU seconds of all processes, and the last line that is printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    command = [sys.executable, "-m", "archc", "validate", str(folder / "nets"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, (done.stdout.splitlines() or [done.stderr])[-1]


def main() -> None:
    """Print a line for each number of processes; of several runs the fastest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--specs", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        size = variants(Path(folder), options.specs)
        print(f"{options.specs} specs, {size / 2**20:.1f} MiB, {cores} cores")
        for what, arguments in (("--jobs 1", ["--jobs", "1"]), ("--jobs auto", ["--jobs", "auto"]), ("by default", [])):
            wall, cpu, last = min(run(Path(folder), arguments) for _ in range(options.runs))
            print(f"archc validate, {what}: {wall:.2f} s, {cpu:.2f} s of CPU time; {last}")


if __name__ == "__main__":
    main()
