"""The data that `train:` names: what an example is, how many classes and examples there are."""

from __future__ import annotations

from dataclasses import dataclass

from archc.diagnostics import Span
from archc.ir.types import TensorType
from archc.lower.ends.view import Spot, View
from archc.lower.train import Section, Train
from archc.spec.datasets import DATA_SETS
from archc.spec.parse import AXES


@dataclass(frozen=True, slots=True)
class Data:
    """What `train.data` gives: an example, the classes, how many there are."""

    section: Section
    span: Span
    names: tuple[str, ...]
    """`channels` and the axes, or `features`."""
    dims: tuple[int, ...]
    classes: int | None
    examples: int | None
    known: bool
    """Whether it is a data set that archc knows, whose pictures can only be resized."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """The spatial sizes."""
        return self.dims[1:]

    @property
    def type(self) -> TensorType:
        """The shape of an example."""
        return TensorType(self.dims[0], self.dims[1:])

    @property
    def name(self) -> str:
        """What it is called in `train.data`."""
        return self.section.type

    def at(self, *fields: str) -> Span:
        """Where the first of `fields` that is written stands, else where the data's type does."""
        found = [self.section.fields[name].span for name in fields if name in self.section.fields]
        return next((span for span in found if span is not None), self.span)

    def as_input(self) -> str:
        """The `input` that takes it."""
        return "{" + ", ".join(f"{name}: {size}" for name, size in zip(self.names, self.dims, strict=True)) + "}"


def data_of(train: Train, view: View) -> Data | None:
    """The data, or None where it is not known."""
    section = train.data
    if section is None or section.span is None:
        return None
    examples = section.fields["examples"].value if "examples" in section.fields else None
    classes = section.fields["classes"].value if "classes" in section.fields else None
    found = _known_form(section, view) if section.type in DATA_SETS else _declared_form(section, view)
    if found is None:
        return None
    names, dims = found
    known = DATA_SETS.get(section.type)
    return Data(
        section,
        section.span,
        names,
        dims,
        known.classes if known else classes if isinstance(classes, int) else None,
        known.train if known else examples if isinstance(examples, int) else None,
        known is not None,
    )


Form = tuple[tuple[str, ...], tuple[int, ...]]


def _known_form(section: Section, view: View) -> Form | None:
    known = DATA_SETS[section.type]
    resize = section.fields["resize"]
    sizes = resize.value if isinstance(resize.value, tuple) else (resize.value, resize.value)
    if len(sizes) != 2 and resize.span is not None:
        spot = Spot(resize.span, f"{len(sizes)} are given")
        view.report("A0104", "`resize` needs two sizes, rows and columns", spot, help="write one int, or two")
        return None
    height, width = sizes
    if not isinstance(height, int) or not isinstance(width, int):
        return None
    return ("channels", "height", "width"), (known.channels, height, width)


def _declared_form(section: Section, view: View) -> Form | None:
    """The names and sizes of a form that `input` has too; None with a diagnostic for any other, or after a mistake."""
    given = {
        name: field.value
        for name, field in section.fields.items()
        if name in ("features", "channels", "depth", "height", "width", "length") and field.value is not None
    }
    first = "features" if "features" in given else "channels"
    axes = AXES.get(tuple(sorted(given.keys() - {first})), () if set(given) == {"features"} else None)
    if axes is None or first not in given or (first == "features" and axes):
        if section.type == "synthetic":
            _report_form(section, list(given), view)
        return None
    dims = [given[name] for name in (first, *axes)]
    whole = tuple(size for size in dims if isinstance(size, int))
    return ((first, *axes), whole) if len(whole) == len(dims) else None


def _report_form(section: Section, given: list[str], view: View) -> None:
    assert section.span is not None
    view.report(
        "A0109",
        "the data has none of the four forms",
        Spot(section.span, "its sizes are " + ", ".join(given) if given else "it has no sizes"),
        help="give {features}, {channels, length}, {channels, height, width} or {channels, depth, height, width}",
    )
