"""The picture of a confusion matrix."""

from __future__ import annotations

import io
from typing import Final

import numpy as np

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
        names = [name if len(name) <= LONGEST else name[: LONGEST - 1] + "…" for name in result.classes]
        names = [name.replace("$", r"\\$") for name in names]  # which would begin a formula
        axes.set_xticks(range(len(names)), names, rotation=90 if max(map(len, names)) > 2 else 0)
        axes.set_yticks(range(len(names)), names)
    if len(counts) <= MOST_NUMBERS:
        for (row, column), count in np.ndenumerate(counts):
            if count:
                colour = "white" if shares[row, column] > 0.5 else "black"
                axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=8)
    accuracy = f", accuracy {result.accuracy:.4f}" if result.accuracy is not None else ""
    axes.set(xlabel="taken for", ylabel="class", title=f"{result.name} on {result.data}{accuracy}")
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=120, metadata={"Software": None})
    return stream.getvalue()
