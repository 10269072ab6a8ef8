"""The label that comes with each example: its encoding and shape, and whether the data has it."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from archc.diagnostics import Span
from archc.lower.ends.data import Data
from archc.lower.ends.view import Spot, View
from archc.lower.train import Section, Train


@dataclass(frozen=True, slots=True)
class LabelType:
    """What comes with each example: an encoding, and a shape without the batch."""

    encoding: str
    span: Span | None
    dims: tuple[int, ...]
    counts_classes: bool = False
    """Whether it is the number of a class, written as a float."""

    @property
    def whole(self) -> bool:
        """Whether it is made of ints, which name classes."""
        return self.encoding in ("class_index", "map")

    @property
    def is_map(self) -> bool:
        """Whether it says something of each position, not of the example as a whole."""
        return self.encoding == "map" or len(self.dims) > 1

    def __str__(self) -> str:
        return "(" + ", ".join(["N", *map(str, self.dims)]) + ")"


def label_of(train: Train, data: Data, view: View) -> LabelType | None:
    """What comes with each example; None with a diagnostic where the data has no such label, or after a mistake."""
    section = train.label
    if section is None:
        return None
    encoding, span = section.type, section.span
    if encoding == "float":
        return _float_label(section, data, view)
    if encoding == "map" and (data.known or not data.sizes):
        why = f"{data.name} has one class for each example" if data.known else "features have no positions"
        help = "use `label: class_index`, or data that has maps: `image_folder`, `synthetic`"
        _report_label(section, data, view, "the data has no maps as labels", why, help)
        return None
    if data.classes is None:
        if data.section.fields["classes"].value is None:
            help = "add `classes:` to `data`" if span else "add `classes:` to `data`, or use `label: float`"
            _report_label(section, data, view, f"`{encoding}` needs classes, the data has none", "no `classes`", help)
        return None
    dims = {"class_index": (), "one_hot": (data.classes,), "map": data.sizes}[encoding]
    return LabelType(encoding, span, dims)


def _float_label(section: Section, data: Data, view: View) -> LabelType | None:
    given = section.fields["shape"]
    if not isinstance(given.value, tuple):
        return None
    dims = tuple(size for size in given.value if isinstance(size, int))
    if data.name == "synthetic":
        return LabelType("float", section.span, dims)
    if len(dims) > 1 or prod(dims) != 1:
        shown = ", ".join(map(str, dims))
        _report_label(
            section,
            data,
            view,
            f"a label of shape [{shown}] is wanted, the data has one number for each example",
            f"{data.name} has the number of a class",
            "write `{type: float, shape: [1]}`, or `label: one_hot`",
        )
        return None
    return LabelType("float", section.span, dims, counts_classes=True)


def _report_label(section: Section, data: Data, view: View, message: str, why: str, help: str) -> None:
    spots = [Spot(section.span, "wanted here")] if section.span is not None else []
    given = section.fields.get("shape")
    if given is not None and given.span is not None:
        spots = [Spot(given.span, "wanted here")]
    view.report("A0615", message, *spots, Spot(data.span, why), help=help)
