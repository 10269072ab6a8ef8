"""The picture of a run: train loss, train accuracy and test accuracy over the epochs."""

from __future__ import annotations

import io
from collections.abc import Sequence

from archc.train.progress import Row


def curves(rows: Sequence[Row], title: str) -> bytes:
    """The curves as a PNG file."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(6, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    epochs = [row.epoch for row in rows]
    lines: dict[str, Sequence[float | None]] = {
        "train loss": [row.train_loss for row in rows],
        "train accuracy": [row.train_accuracy for row in rows],
        "test accuracy": [row.test_accuracy for row in rows],
    }
    if rows[0].test_accuracy is None:
        lines = {"train loss": lines["train loss"], "test loss": [row.test_loss for row in rows]}
    for (name, values), style in zip(lines.items(), ("-", "--", "-."), strict=False):
        numbers = [value for value in values if value is not None]
        axes.plot(epochs, numbers, style, label=name, marker="o" if len(rows) == 1 else "")
    axes.set(xlabel="epoch", title=title)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(visible=True)
    axes.legend()
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=120, metadata={"Software": None})
    return stream.getvalue()
