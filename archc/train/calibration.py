"""Examples of what a spec trains on, as they enter the network: to find the ranges of int8 with, and to see what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from archc.api import Spec
from archc.train.chance import order
from archc.train.data import Examples, load_data, places_of
from archc.train.ends import ends_of
from archc.train.layout import is_run, run_environment
from archc.train.pictures import pictures_of
from archc.train.settings import settings_of

Array = NDArray[Any]

TO_CALIBRATE: Final = 256
TO_TEST: Final = 1000


@dataclass(frozen=True, slots=True)
class Own:
    """Inputs of examples to train on, and of others to test on with the class of each and which output tells it."""

    examples: Array
    test: Array
    classes: Array
    output: int
    name: str
    """Of the data set."""


def own_examples(spec: Spec, base: Path, seed: int, to_test: int = TO_TEST) -> Own | None:
    """Examples of the data set of `train:`; None without such a section, or where they have no classes.

    It is looked for as `archc train` does, `base` being the spec's folder, or that of a run, which says where it found
    them. Raises SpecError where it is not there.
    """
    if spec.train is None:
        return None
    settings = settings_of(spec)
    ends = ends_of(spec, settings)
    if ends is None:
        return None
    folder = run_environment(base).get("data") if is_run(base) else None
    data = load_data(settings, places_of(settings, Path(folder) if isinstance(folder, str) else None, base))
    pictures = pictures_of(settings, data)

    def drawn(examples: Examples, count: int) -> tuple[Array, Array]:
        indices = np.sort(order(seed, 0, len(examples))[:count])
        inputs, labels = examples.get(indices)[:2]
        return pictures(inputs, torch.from_numpy(indices), None).numpy(), labels.numpy()

    train, _ = drawn(data.train, TO_CALIBRATE)
    test, classes = drawn(data.test, to_test)
    return Own(train, test, classes, ends.output, settings.data.type)
