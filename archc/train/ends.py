"""The two ends of a trained network: how a picture becomes its input, and its output the probabilities of classes.

An ONNX file keeps them in its metadata, each as JSON under the keys below. Needs no torch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Final

from archc.api import Spec
from archc.diagnostics import SpecError
from archc.limits import MAX_SIZE
from archc.spec.datasets import DATA_SETS
from archc.train.faults import fault
from archc.train.layout import class_names
from archc.train.settings import Settings

CLASSES: Final = "archc.classes"
INPUT: Final = "archc.input"
NORMALIZE: Final = "archc.normalize"
OUTPUT: Final = "archc.output"

FORMS: Final = {1: "L", 3: "RGB", 4: "RGBA"}
"""Pillow's name of pictures by their channels."""

PROBABILITIES: Final = {
    "cross_entropy": "softmax",
    "nll": "exp",
    "bce_with_logits": "sigmoid",
    "bce": "identity",
}
"""By the loss: what makes probabilities of its network's output; `none` where nothing does."""

HELP: Final = "compile it from a run, by `archc compile RUN_DIR --onnx`, which puts that in"

Floats = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Ends:
    """What stands before and behind a network that was trained on pictures of classes."""

    classes: tuple[str, ...]
    """Names in the order of the output; empty where they are not known."""
    channels: int
    height: int
    width: int
    resize: str
    """Who scales pictures to that size: `torch` or `pillow`, both bilinear and antialiased, rounded to whole levels."""
    mean: Floats
    std: Floats
    """Subtracted from values of 0 to 1, and what they are divided by then; empty for neither."""
    output: int
    """Which of the outputs tells the classes."""
    probabilities: str
    """`softmax`, `exp`, `sigmoid`, `identity` or `none`."""

    @property
    def form(self) -> str:
        """Pillow's name of the form that pictures are read in."""
        return FORMS[self.channels]

    def to_metadata(self) -> dict[str, str]:
        """As an ONNX file has them."""
        size = {"channels": self.channels, "height": self.height, "width": self.width}
        values: dict[str, Any] = {
            INPUT: {**size, "form": self.form, "resize": self.resize, "divide_by": 255},
            NORMALIZE: {"mean": list(self.mean), "std": list(self.std)},
            OUTPUT: {"index": self.output, "probabilities": self.probabilities},
        }
        if self.classes:
            values[CLASSES] = list(self.classes)
        return {key: json.dumps(value) for key, value in values.items()}


def ends_of(spec: Spec, settings: Settings, classes: tuple[str, ...] = ()) -> Ends | None:
    """The ends of a spec's network; None where it is not trained on pictures of classes, one for each."""
    data, known = settings.data, DATA_SETS.get(settings.data.type)
    is_picture = known is not None or data.type == "image_folder"
    if not is_picture or settings.label.type not in ("class_index", "one_hot", "float"):
        return None
    mean: Floats = ()
    std: Floats = ()
    if known is None:
        channels, size = data["channels"], (data["height"], data["width"])
    else:
        resize = data["resize"]
        channels, size = known.channels, resize if isinstance(resize, tuple) else (resize, resize)
        classes = classes or known.class_names
        if data["normalize"]:
            mean, std = known.mean, known.std
    weights = [settings.weights.get(output.name, 1.0) for output in spec.graph.live_outputs]
    return Ends(
        classes,
        channels,
        height=size[0],
        width=size[1],
        resize="pillow" if known is None else "torch",
        mean=data["mean"] or mean,
        std=data["std"] or std,
        output=next((at for at, weight in enumerate(weights) if weight), 0),
        probabilities=PROBABILITIES.get(settings.loss.type, "none"),
    )


def ends_in(metadata: Mapping[str, str], path: Path) -> Ends:
    """The ends that an ONNX file tells of. Raises SpecError."""
    if not {INPUT, NORMALIZE, OUTPUT} <= set(metadata):
        raise unsaid(path)
    try:
        input, normalize, output = (json.loads(metadata[key]) for key in (INPUT, NORMALIZE, OUTPUT))
        classes = class_names(json.loads(metadata.get(CLASSES, "[]")))
        mean, std = _floats(normalize["mean"]), _floats(normalize["std"])
        sizes = [_whole(input[name], 1, MAX_SIZE) for name in ("channels", "height", "width")]
        if sizes[0] not in FORMS or {len(mean), len(std)} - {0, 1, sizes[0]} or 0.0 in std:
            raise ValueError("its numbers do not go together")
        words = (input["resize"], output["probabilities"])
        if words[0] not in ("torch", "pillow") or words[1] not in {*PROBABILITIES.values(), "none"}:
            raise ValueError(f"it does not know {words[0]!r:.40} or {words[1]!r:.40}")
        place = _whole(output["index"], 0, 1000)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        message = "what the file says of its input and output cannot be read"
        raise fault("A0810", message, path, HELP, (f"{type(error).__name__}: {error}",)) from None
    channels, height, width = sizes
    return Ends(classes, channels, height, width, words[0], mean, std, place, words[1])


def unsaid(path: Path) -> SpecError:
    """An ONNX file does not tell of its ends."""
    message = "the file does not say how a picture becomes its input"
    notes = (f"its metadata needs `{INPUT}`, `{NORMALIZE}` and `{OUTPUT}`",)
    return fault("A0810", message, path, HELP, notes)


def _whole(value: object, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{value!r:.40} is no number from {least} to {most}")
    return value


def _floats(value: object) -> Floats:
    if not isinstance(value, list) or len(value) > 4 or not all(map(_is_number, value)):
        raise ValueError(f"{value!r:.40} is no list of numbers")
    return tuple(map(float, value))


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and isfinite(float(str(value)))
