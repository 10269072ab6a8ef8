"""The picture of a confusion matrix."""

from __future__ import annotations

import io
import warnings
from typing import Final

import numpy as np

from archc.diagnostics.model import printable
from archc.train.evaluate import Evaluation

MOST_NUMBERS: Final = 20
"""Classes up to which each cell has its number."""
MOST_NAMES: Final = 60
"""Classes up to which each has its name at the side."""
LONGEST: Final = 20


def confusion_picture(result: Evaluation) -> bytes:
    """The matrix as a PNG file; a cell is as dark as the share of its row that it has."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    counts = np.array(result.confusion, np.int64)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = min(3.0 + 0.35 * len(counts), 16.0)
    figure = Figure(figsize=(side, side), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    if len(counts) <= MOST_NAMES:
        names = [_short(name) for name in result.classes]
        turned = 90 if max(map(len, names)) > 2 else 0
        axes.set_xticks(range(len(names)), names, rotation=turned, parse_math=False)
        axes.set_yticks(range(len(names)), names, parse_math=False)
    if len(counts) <= MOST_NUMBERS:
        for (row, column), count in np.ndenumerate(counts):
            if count:
                colour = "white" if shares[row, column] > 0.5 else "black"
                axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=8)
    accuracy = f", accuracy {result.accuracy:.4f}" if result.accuracy is not None else ""
    axes.set(xlabel="taken for", ylabel="class")
    axes.set_title(f"{result.name} on {result.data}{accuracy}", parse_math=False)
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # letters that the font does not have
        figure.savefig(stream, format="png", dpi=120, metadata={"Software": None})
    return stream.getvalue()


def _short(name: str) -> str:
    name = printable(name)
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"
