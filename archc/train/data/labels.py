"""Class numbers as the encoding that `train.label` asks for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archc.train.settings import Settings


def encoded(labels: NDArray[Any], settings: Settings, classes: int) -> NDArray[Any]:
    """`labels`, class numbers (N,): as they are, one-hot (N, classes), or as floats of the label's shape."""
    if settings.label.type == "one_hot":
        hot: NDArray[Any] = np.eye(classes, dtype=np.float32)[labels]
        return hot
    if settings.label.type == "float":
        return labels.astype(np.float32).reshape(len(labels), *settings.label["shape"])
    return labels.astype(np.int64)
