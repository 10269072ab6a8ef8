"""The outputs that take part in the loss against the label: classes, shapes, and the scale that the loss takes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from archc.ir import ops
from archc.ir.graph import Node, Output
from archc.ir.types import TensorType
from archc.lower.ends.data import Data
from archc.lower.ends.label import LabelType
from archc.lower.ends.pair import Pair
from archc.lower.ends.scale import check_scale
from archc.lower.ends.view import Spot, View
from archc.lower.train import Section
from archc.spec.losses import LOSSES
from archc.spec.params import suggestion
from archc.spec.values import is_number

Types = Sequence[TensorType | None]


def check_outputs(section: Section, label: LabelType, data: Data, types: Types, view: View) -> None:
    """Report where an output, the label and the loss do not go together."""
    shapes = Shapes(LOSSES[section.type], section, label, data, view, types)
    if not shapes.label_fits():
        return
    for output in taking_part(section, view):
        shapes.check(output)
        check_scale(section, shapes.loss, output, data, view)


def taking_part(section: Section, view: View) -> list[Output]:
    """The outputs whose weight in the loss is not 0; a weight of an output that is not there is reported."""
    known: Collection[str] = {output.name for output in view.outputs}
    unknown = [name for name in section.weights if name not in known]
    for name in unknown:
        given = section.weights[name]
        if given.span is not None and known:
            spot = Spot(given.span, "weighs nothing")
            help = suggestion(name, sorted(known), "its outputs are")
            view.report("A0613", f"the network has no output `{name[:80]}`", spot, help=help)
    weights = {name: given.value for name, given in section.weights.items()}
    found = [output for output in view.outputs if weights.get(output.name, 1.0) != 0]
    first = next((given.span for given in section.weights.values() if given.span is not None), None)
    if not found and view.outputs and not unknown and first is not None:
        spot = Spot(first, "leaves nothing to minimise")
        view.report("A0613", "no output takes part in the loss", spot, help="give one of them a weight above 0")
    # After a mistake it is open whether the other outputs take part, and one whose weight is not known.
    known = weights.keys() if unknown else known
    return [output for output in found if output.name in known and is_number(weights.get(output.name, 1.0))]


@dataclass(frozen=True, slots=True)
class Shapes(Pair):
    """The shapes of outputs against the label."""

    types: Types

    def check(self, output: Output) -> None:
        """Report the first thing that is wrong with the shape of an output."""
        type_ = self.types[output.value]
        if type_ is None:
            return
        if type_.rank and not self.label.is_map:
            self.report_map(output, type_)
        elif self.loss.classes or self.label.encoding == "one_hot":
            self.check_classes(output, type_)
        else:
            self.check_elements(output, type_)

    def stage_spot(self, output: Output, text: str) -> Spot:
        """The stage that gives an output."""
        return Spot(self.view.span_of(output.value), text)

    def report_map(self, output: Output, type_: TensorType) -> None:
        """A map where the label says one thing of the whole example."""
        classes = self.classes
        wanted = [] if all(size == 1 for size in type_.spatial) else ["`{type: global_avg_pool}`"]
        wanted.append("`{type: flatten}`")
        if classes is not None and type_.channels != classes:
            wanted.append(f"`{{type: linear, out_features: {classes}}}`")
        self.view.report(
            "A0606",
            f"the output {self.called(output)}is a map, the label is one for each example",
            self.stage_spot(output, f"gives {type_}"),
            self.label_spot(f"gives {self.label}"),
            help="end with "
            + " and ".join(wanted)
            + ", or use `label: map`" * (not self.data.known and self.label.whole),
            notes=(
                f"torch takes the axes behind the channels for positions that each have a label ({self.section.type})",
            )
            * self.loss.classes,
            path=self.view.path_of(output.value),
        )

    @property
    def classes(self) -> int | None:
        """How wide the output has to be."""
        if self.label.encoding == "float":
            return self.label.dims[0] if self.label.dims else None
        return self.data.classes

    def called(self, output: Output) -> str:
        """The output's name in a message, where there are several."""
        return f"`{output.name}` " * (len(self.view.outputs) > 1)

    def check_classes(self, output: Output, type_: TensorType) -> None:
        """The channels, which torch takes from axis 1, are the classes; the sizes behind are the label's."""
        sizes = self.label.dims if self.label.encoding in ("class_index", "map") else self.label.dims[1:]
        if type_.rank and type_.layout == "channels_last":
            self.report_shape(output, type_, "end with `{type: channels_first}`")
        elif len(type_.spatial) != len(sizes):
            help = "remove the flatten, or use `label: class_index`" if not type_.rank else "change the label"
            self.report_shape(output, type_, help)
        elif type_.channels not in (None, self.classes) and self.label.encoding == "float":
            self.report_shape(output, type_, self.way_out_of_shapes(output, type_))
        elif type_.channels not in (None, self.classes):
            self.report_classes(output, type_)
        elif any(a not in (None, b) for a, b in zip(type_.spatial, sizes, strict=True)):
            help = f"bring the output to {' × '.join(map(str, sizes))}, say with `upsample`"
            self.report_shape(output, type_, help)

    def check_elements(self, output: Output, type_: TensorType) -> None:
        """Output and label have the same shape."""
        dims, label = type_.dims, self.label.dims
        if len(dims) == len(label) and all(a in (None, b) for a, b in zip(dims, label, strict=True)):
            return
        if None in dims:
            return
        help = self.way_out_of_shapes(output, type_)
        if self.loss.broadcasts and stretches(dims, label):
            self.report_shape(output, type_, help, broadcast=True)
        else:
            self.report_shape(output, type_, help)

    def way_out_of_shapes(self, output: Output, type_: TensorType) -> str:
        """How to bring an output and a float label together."""
        label = self.label.dims
        shape = f"`label: {{type: float, shape: [{', '.join(map(str, type_.dims))}]}}`"
        if not label and type_.dims == (1,):
            return f"use {shape}"
        if len(label) > 1 or type_.rank:
            return "give the output the label's shape" + f", or use {shape}" * (self.data.name == "synthetic")
        head = self.widest(self.view.makers.get(output.value))
        width = self.view.width_of(head) if head is not None else None
        wanted = f"{width[1] if width else 'out_features'}: {label[0] if label else 1}"
        help = f"write `{wanted}`" if width else f"end with `{{type: linear, {wanted}}}`"
        help += "" if label else " and `label: {type: float, shape: [1]}`"
        return help + f", or use {shape}" * (self.data.name == "synthetic")

    def report_shape(self, output: Output, type_: TensorType, help: str, broadcast: bool = False) -> None:
        """Report an output and a label of different shapes, which torch refuses or, where `broadcast`, stretches."""
        name = self.section.type
        shape = f"(N, {', '.join(map(str, type_.dims))})"
        message = (
            f"`{name}` stretches the output {self.called(output)}and the label to one shape"
            if broadcast
            else f"the output {self.called(output)}and the label differ in shape"
        )
        why = f"each example would be compared with every other: {shape} meets {self.label}" if broadcast else ""
        self.view.report(
            "A0608" if broadcast else "A0609",
            message,
            self.label_spot(f"gives {self.label}"),
            self.stage_spot(output, f"gives {shape}"),
            help=help,
            notes=(why,) if why else (),
            path=self.view.path_of(output.value),
        )

    # -- classes ----------------------------------------------------------------------------------------------------

    def report_classes(self, output: Output, type_: TensorType) -> None:
        """A head that is as wide as there are not classes."""
        view, data, classes = self.view, self.data, self.data.classes
        value = self.widest(view.makers.get(output.value))
        width = view.width_of(value) if value is not None else None
        told = f"gives {type_.channels}"
        stage = Spot(width[0], told) if width else Spot(view.span_of(output.value if value is None else value), told)
        self.view.report(
            "A0605",
            f"the output {self.called(output)}is {type_.channels} wide, the data has {classes} classes",
            stage,
            Spot(data.at("classes"), f"{classes} classes"),
            *view.setting_spots(view.setting(stage.span)),
            help=self.way_out_of_classes(type_, width[1] if width else "", stage),
            path=view.path_of(output.value),
        )

    def way_out_of_classes(self, type_: TensorType, field: str, stage: Spot) -> str:
        """How to give the head the width of the classes."""
        classes = self.data.classes
        setting = self.view.setting(stage.span)
        if setting:
            help = f"set the param `{setting}` to {classes}"
        elif field:
            help = f"write `{field}: {classes}`"
        else:
            help = f"end with `{{type: linear, out_features: {classes}}}`"
        if type_.channels == 1 and classes == 2:
            help += ", or use `loss: bce_with_logits` and `label: {type: float, shape: [1]}`"
        if self.data.known or (type_.channels or 0) < 2:
            return help
        return f"{help}, or `classes: {type_.channels}` in `data`"

    def widest(self, node: Node | None) -> int | None:
        """The value whose maker decides the width of what `node` gives: back through ops that keep the channels."""
        while node is not None and self.view.sites[node.path].width is None:
            before = self.types[node.inputs[0]]
            joined = len(node.inputs) > 1 or isinstance(node.op, ops.Concat | ops.Chunk | ops.PixelShuffle)
            if joined or (isinstance(node.op, ops.Flatten) and before is not None and set(before.spatial) - {1}):
                return node.output
            node = self.view.makers.get(node.inputs[0])
        return node.output if node is not None else None


def stretches(a: tuple[int | None, ...], b: tuple[int, ...]) -> bool:
    """Whether torch broadcasts (N, *a) and (N, *b), whatever N is: axes are matched from the last."""
    batch = -1
    pairs = zip(reversed((batch, *a)), reversed((batch, *b)), strict=False)
    return all(x == y or 1 in (x, y) for x, y in pairs)
