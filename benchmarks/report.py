"""What a benchmark found, as Markdown and as a picture."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

NOISE = 0.03
"""So far from 1 a ratio of medians may be by chance."""

PACKAGES = ("torch", "torchvision", "onnx", "onnxruntime", "onnxscript", "numpy")


@dataclass(frozen=True)
class Section:
    """A table, and the ratios in it: how many times as much the peer takes, by what they are of."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    ratios: dict[str, float] = field(default_factory=dict)
    note: str = ""


def markdown(sections: Sequence[Section]) -> str:
    """The page: the machine, and a table for each section."""
    parts = [f"# Benchmarks\n\n{machine()}\n"]
    for one in sections:
        lines = ["| " + " | ".join(one.head) + " |", "|---" + "|---:" * (len(one.head) - 1) + "|"]
        lines += ["| " + " | ".join(row) + " |" for row in one.rows]
        parts.append(f"## {one.title}\n\n" + (f"{one.note}\n\n" if one.note else "") + "\n".join(lines) + "\n")
    return "\n".join(parts)


def machine() -> str:
    """The day, the machine and the versions."""
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name).partition('+')[0]}")
        except PackageNotFoundError:
            found.append(f"no {name}")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    python = ".".join(map(str, sys.version_info[:3]))
    return f"{date.today().isoformat()}, {platform.system()} {platform.machine()}, {cores} cores, Python {python}, {', '.join(found)}."


def _colour(ratio: float) -> str:
    """Blue where archc takes less, red where it takes more, grey where that is noise."""
    return "#8c8c8c" if abs(ratio - 1) <= NOISE else "#2a78b5" if ratio > 1 else "#c0504d"


def picture(sections: Sequence[Section], path: Path) -> None:
    """A bar for each ratio, on a logarithmic axis; 1 is as much as the peer."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    drawn = [one for one in sections if one.ratios]
    if not drawn:
        return
    heights = [len(one.ratios) for one in drawn]
    size = (9, 0.26 * sum(heights) + 0.75 * len(drawn) + 0.5)
    figure, axes = pyplot.subplots(len(drawn), 1, figsize=size, height_ratios=heights, squeeze=False, sharex=True)
    for axis, one in zip(axes[:, 0], drawn, strict=True):
        names, values = list(one.ratios), list(one.ratios.values())
        bars = axis.barh(names, values, color=[_colour(value) for value in values])
        axis.bar_label(
            bars, [f"{value:.2f}×" if value < 10 else f"{value:.0f}×" for value in values], padding=3, fontsize=8
        )
        axis.set_title(one.title, fontsize=10, loc="left")
        axis.set_xscale("log")
        axis.axvline(1, color="black", linewidth=0.8)
        axis.tick_params(labelsize=8)
        axis.invert_yaxis()
        axis.margins(x=0.15)
        axis.spines[["top", "right"]].set_visible(False)
    axes[-1, 0].set_xlabel("what the peer takes, as a multiple of what archc takes")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
