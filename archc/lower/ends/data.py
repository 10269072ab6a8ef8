"""The data that `train:` names: its shape against the network's input, and the label that comes with each example."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Final

from archc.diagnostics import Span
from archc.ir.graph import Axis
from archc.ir.types import TensorType
from archc.lower.ends.view import Spot, View
from archc.lower.train import Section, Train
from archc.spec.datasets import DATA_SETS
from archc.spec.parse import AXES

FORMS: Final = {0: "features", 1: "sequences", 2: "pictures", 3: "volumes"}
"""What examples are, by their number of spatial axes."""


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


# -- the data against the input -----------------------------------------------------------------------------------------


def check_input(data: Data, view: View) -> bool:
    """Report where the data is not what the input takes; whether it is."""
    input_ = view.input
    wanted = (input_.channels, *(axis.default for axis in input_.axes))
    if len(input_.axes) != len(data.sizes):
        _report_rank(data, view)
        return False
    if data.dims == wanted:
        return True
    if data.sizes and wanted == (*data.sizes, data.dims[0]) and not any(axis.free for axis in input_.axes):
        view.report(
            "A0604",
            "the input has its channels last",
            Spot(view.channels_span, f"{wanted[0]} channels"),
            Spot(data.at("channels"), f"has {data.dims[0]}"),
            help=f"write `input: {data.as_input()}`; channels come first",
            notes=_both(data, view),
        )
        return False
    return _check_channels(data, view) & _check_sizes(data, view)


def _both(data: Data, view: View) -> tuple[str, ...]:
    return (f"the data is {data.type}, the input {view.input.type}",)


def _report_rank(data: Data, view: View) -> None:
    """Examples of another form than the input's."""
    rank, wanted = len(data.sizes), len(view.input.axes)
    if wanted and wanted == rank - 1 and data.dims[0] == 1:
        sizes = " × ".join(map(str, data.dims))
        view.report(
            "A0604",
            "the input leaves out the channel",
            Spot(view.input_spec.span, f"takes {view.input.type}"),
            Spot(data.at("channels"), f"gives {sizes}, one channel"),
            help=f"write `input: {data.as_input()}`",
            notes=_both(data, view),
        )
        return
    help = f"write `input: {data.as_input()}`"
    if wanted == 0:
        help += ", and `{type: flatten}` as the first stage"
    view.report(
        "A0603",
        f"the data has {FORMS[rank]}, the input takes {FORMS[wanted]}",
        Spot(data.at("features", "channels"), FORMS[rank]),
        Spot(view.input_spec.span, f"takes {FORMS[wanted]}"),
        help=help if data.known or wanted == 0 else f"{help}, or give the data the input's fields",
        notes=_both(data, view),
    )


def _check_channels(data: Data, view: View) -> bool:
    wanted, given = view.input.channels, data.dims[0]
    if wanted == given:
        return True
    word = data.names[0]
    help = f"write `{word}: {given}` in `input`"
    view.report(
        "A0601",
        f"the data has {given} {_plural(word, given)}, the input takes {wanted}",
        Spot(data.at(word), f"{given} {_plural(word, given)}"),
        Spot(view.channels_span, f"takes {wanted}"),
        help=help if data.known else f"{help}, or `{word}: {wanted}` in `data`",
        notes=_both(data, view),
    )
    return False


def _plural(word: str, count: int) -> str:
    return word.removesuffix("s") if count == 1 else word


def _check_sizes(data: Data, view: View) -> bool:
    axes = view.input.axes
    wrong = [at for at, (axis, size) in enumerate(zip(axes, data.sizes, strict=True)) if not _allows(axis, size)]
    if not wrong:
        if view.graph is None or data.sizes == tuple(axis.default for axis in axes):
            return True
        return view.types_at(data.sizes) is not None or _report_sizes(data, view, list(range(len(axes))))
    return _report_sizes(data, view, wrong)


def _allows(axis: Axis, size: int) -> bool:
    if not axis.free:
        return size == axis.default
    return size >= axis.min and (axis.max is None or size <= axis.max) and size % axis.multiple_of == 0


def _nearest(axis: Axis, size: int) -> int:
    """The size that the axis allows and that is nearest to `size`."""
    if not axis.free:
        return axis.default
    step = axis.multiple_of
    low = -(-axis.min // step) * step
    high = size + step if axis.max is None else axis.max // step * step
    return max(low, min(high, round(size / step) * step))


def _report_sizes(data: Data, view: View, wrong: list[int]) -> bool:
    axes = view.input.axes
    sizes = [
        _nearest(axis, size) if at in wrong else size
        for at, (axis, size) in enumerate(zip(axes, data.sizes, strict=True))
    ]
    own = ", ".join(f"{axis.name}: {size}" for axis, size in zip(axes, data.sizes, strict=True))
    if data.known:
        first = f"write `resize: {sizes[0] if len(set(sizes)) == 1 else sizes}` in `data`"
    else:
        first = "write `" + ", ".join(f"{axis.name}: {size}" for axis, size in zip(axes, sizes, strict=True)) + "`"
        first += " in `data`"
    spans = [view.input_spec.axes[at].span for at in wrong]
    view.report(
        "A0602",
        f"the data is {_times(data.sizes)}, the input takes {' × '.join(_allowed(axis) for axis in axes)}",
        Spot(data.at("resize", *(axes[at].name for at in wrong)), f"gives {_times(data.sizes)}"),
        *(Spot(span, f"takes {_allowed(axes[at])}") for at, span in zip(wrong, spans, strict=True)),
        help=f"{first}, or `{own}` in `input`",
        notes=_both(data, view),
    )
    return False


def _times(sizes: tuple[int, ...]) -> str:
    return " × ".join(map(str, sizes)) if len(sizes) > 1 else f"of length {sizes[0]}"


def _allowed(axis: Axis) -> str:
    if not axis.free:
        return str(axis.default)
    parts = [f"from {axis.min}" if axis.max is None else f"{axis.min} to {axis.max}"]
    return " ".join(["multiples of " + str(axis.multiple_of)] * (axis.multiple_of > 1) + parts)


# -- the label ----------------------------------------------------------------------------------------------------------


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
