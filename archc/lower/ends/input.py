"""The data against the network's input: form, layout, channels and sizes."""

from __future__ import annotations

from typing import Final

from archc.ir.graph import Axis
from archc.lower.ends.data import Data
from archc.lower.ends.view import Spot, View

FORMS: Final = {0: "features", 1: "sequences", 2: "pictures", 3: "volumes"}
"""What examples are, by their number of spatial axes."""


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
