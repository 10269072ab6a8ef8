"""The classes of picture files, by a trained network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from archc.diagnostics import Diagnostic
from archc.train.data.examples import Unreadable
from archc.train.data.folder import read_picture
from archc.train.ends import Ends, unsaid
from archc.train.faults import fault
from archc.train.pictures import Pictures
from archc.train.trained import Outputs, Trained

AT_ONCE: Final = 32
"""Pictures that are run together."""


@dataclass(frozen=True, slots=True)
class Guess:
    """A class, and how likely it is."""

    index: int
    name: str
    probability: float | None
    """None where it is no number, or the network was trained by a loss that knows no probabilities."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """The most likely classes of a picture, the first one first; or what keeps it from having any."""

    file: str
    guesses: tuple[Guess, ...] = ()
    problem: Diagnostic | None = None

    def to_json(self) -> dict[str, Any]:
        """Under stable names."""
        found = [{"index": one.index, "class": one.name, "probability": one.probability} for one in self.guesses]
        return {"file": self.file, "classes": found}


def predict(trained: Trained, files: Sequence[str], top: int) -> Iterator[Prediction]:
    """For each file the `top` most likely classes, in order. Raises SpecError where the network knows no pictures."""
    ends = trained.ends
    if ends is None and trained.path.suffix == ".onnx":
        raise unsaid(trained.path)
    if ends is None:
        message = "the network was not trained on pictures of classes"
        raise fault("A0810", message, trained.path, "give a run whose `train.data` is a set of pictures")
    for start in range(0, len(files), AT_ONCE):
        yield from _together(trained, ends, files[start : start + AT_ONCE], top)


def _together(trained: Trained, ends: Ends, files: Sequence[str], top: int) -> Iterator[Prediction]:
    read = [_read(name, ends) for name in files]
    inputs = [one for one in read if isinstance(one, torch.Tensor)]
    found = iter(_guesses(trained.answer(torch.cat(inputs)), trained, ends, top) if inputs else ())
    for name, one in zip(files, read, strict=True):
        if isinstance(one, torch.Tensor):
            yield Prediction(name, next(found))
        else:
            yield Prediction(name, problem=one)


def _read(name: str, ends: Ends) -> torch.Tensor | Diagnostic:
    """The input (1, C, H, W) for the picture in a file."""
    size = (ends.width, ends.height) if ends.resize == "pillow" else None
    try:
        picture = torch.from_numpy(read_picture(Path(name), ends.form, size))[None]
    except Unreadable as error:
        (problem,) = fault("A0809", str(error), name, "give a PNG, JPEG, BMP, GIF, PNM, TIFF or WebP file").diagnostics
        return problem
    return Pictures.of_ends(ends)(picture, torch.zeros(1, dtype=torch.int64), None)


def _guesses(outputs: Outputs, trained: Trained, ends: Ends, top: int) -> list[tuple[Guess, ...]]:
    scores = _scores(outputs, trained, ends)
    if ends.classes and len(ends.classes) != scores.shape[1]:
        message = f"the output tells {scores.shape[1]} classes apart, and has names for {len(ends.classes)}"
        raise fault("A0810", message, trained.path, "compile it again by `archc compile RUN_DIR --onnx`")
    names = ends.classes or tuple(map(str, range(scores.shape[1])))
    values = scores.double().numpy()
    order = np.argsort(-values, axis=1, kind="stable")[:, :top]
    is_known = ends.probabilities != "none"
    return [
        tuple(Guess(int(at), names[at], float(row[at]) if is_known and isfinite(row[at]) else None) for at in places)
        for row, places in zip(values, order, strict=True)
    ]


def _scores(outputs: Outputs, trained: Trained, ends: Ends) -> torch.Tensor:
    """What each class has (N, classes), the more the likelier; probabilities, where the network gives any."""
    output = outputs[ends.output].float() if ends.output < len(outputs) else None
    if output is not None and output.ndim <= 2 and output[0].numel() == 1 and len(ends.classes) == 2:
        yes = _probable(output.reshape(-1, 1), ends.probabilities)
        return torch.cat([1 - yes, yes], 1)
    if output is None or output.ndim != 2:
        message = "the network's output is no list of classes"
        raise fault("A0810", message, trained.path, "give a network that tells classes of pictures apart")
    return _probable(output, ends.probabilities)


def _probable(output: torch.Tensor, how: str) -> torch.Tensor:
    if how == "softmax":
        return output.softmax(1)
    return {"exp": torch.exp, "sigmoid": torch.sigmoid}.get(how, torch.clone)(output)
