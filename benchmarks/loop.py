"""`archc train` beside the usual loop: the table of `benchmarks/train.py`, for all its networks."""

from __future__ import annotations

import argparse
import os
import subprocess
from pathlib import Path
from statistics import median

from benchmarks import train
from benchmarks.report import Section

DATA = Path("/usr/share/datasets/fashion-mnist")


def loop(runs: int) -> Section:
    """Examples a second by the wall clock and by CPU time, and memory; without the data set a row that says so."""
    head = ("network, way", "examples/s", "by CPU time", "to the usual loop", "memory")
    title, rows, ratios = "Training: archc's runner and the usual loop", [], {}
    if not DATA.is_dir():
        return Section(title, head, [[f"skipped: Fashion-MNIST is not in {DATA}", *["-"] * 4]])
    threads = os.cpu_count() or 1
    options = argparse.Namespace(workers=0, threads=threads, data=DATA)
    for name in train.CASES:
        try:
            rounds = [{way: train.measured(way, name, options) for way in train.WAYS} for _ in range(runs)]
        except subprocess.CalledProcessError as error:
            last = (error.stderr or "").strip().splitlines()[-1:] or ["no message"]
            rows.append([f"{name}: fails here: {last[0][:120]}", *["-"] * 4])
            continue
        usual = [one["tutorial"]["wall"] for one in rounds]
        for way in train.WAYS:
            wall, cpu, memory = (median(one[way][key] for one in rounds) for key in ("wall", "cpu", "memory"))
            share = median(one[way]["wall"] / base for one, base in zip(rounds, usual, strict=True))
            rows.append([f"{name}, {way}", f"{wall:,.0f}", f"{cpu:,.0f}", f"{share:.2f}×", f"{memory:,.0f} MiB"])
            if way == "archc train":
                ratios[f"{name}, the usual loop"] = share
    note = (
        f"{threads} threads, medians of {runs} rounds in turn; the usual loop takes each example through torchvision's "
        "`ToTensor`, and `Normalize` or `Resize` where the spec asks for it; ratios are of examples a second, medians of the rounds'."
    )
    return Section(title, head, rows, ratios, note)
