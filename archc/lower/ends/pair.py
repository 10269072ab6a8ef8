"""The loss and the label: whether the one takes the encoding of the other."""

from __future__ import annotations

from dataclasses import dataclass

from archc.lower.ends.data import Data
from archc.lower.ends.label import LabelType
from archc.lower.ends.view import Spot, View
from archc.lower.train import Section
from archc.spec.losses import Loss


@dataclass(frozen=True, slots=True)
class Pair:
    """A loss, and the label that it gets."""

    loss: Loss
    section: Section
    label: LabelType
    data: Data
    view: View

    def loss_spot(self, text: str) -> Spot:
        """The loss, where it is written; else the data, of which it is the default."""
        if self.section.span is not None:
            return Spot(self.section.span, text)
        return Spot(self.data.span, f"the loss is `{self.section.type}` where `loss` is left out; it {text}")

    def label_spot(self, text: str) -> Spot:
        """The label, where it is written; else the data that it comes with."""
        return Spot(self.label.span or self.data.at("classes"), text)

    def label_fits(self) -> bool:
        """Whether the loss takes the label's encoding; if not, it is reported."""
        name, encoding = self.section.type, self.label.encoding
        if self.loss.classes and not self.label.whole:
            if self.loss.soft and (encoding == "one_hot" or self.label.dims[:1] > (1,)):
                return True
            wanted = "a class index" + " or a probability for each class" * self.loss.soft
            help = "use `label: class_index`" if encoding == "one_hot" else "use `loss: mse`, or `label: class_index`"
            if encoding == "one_hot":
                help += ", or `loss: cross_entropy`"
            self.report_label(f"`{name}` does not take `label: {encoding}`", f"takes {wanted}", help)
            return False
        if not self.loss.classes and self.label.whole:
            self.report_label(
                f"`{name}` does not take `label: {encoding}`",
                "takes a number for each element",
                self.way_out_of_ints(),
            )
            return False
        bounded = self.loss.takes in ("logits", "probabilities") and not self.loss.classes
        if bounded and self.label.counts_classes and (self.data.classes or 2) > 2:
            most = (self.data.classes or 2) - 1
            help = "use `label: one_hot`, or `loss: cross_entropy` and `label: class_index`"
            self.report_label(f"`{name}` takes labels from 0 to 1, these go up to {most}", "takes 0 to 1", help)
            return False
        return True

    def way_out_of_ints(self) -> str:
        """What to do about class indices where numbers are taken."""
        if self.label.encoding == "map":
            return "use `loss: cross_entropy`"
        binary = self.data.classes == 2 or self.loss.takes == "numbers"
        number = "`label: {type: float, shape: [1]}`" if binary else "`label: one_hot`"
        return f"use {number}, or `loss: cross_entropy`"

    def report_label(self, message: str, takes: str, help: str) -> None:
        """Report an encoding that the loss does not take."""
        spots = [self.loss_spot(takes), self.label_spot(f"gives {self.label}, {self.label.encoding}")]
        if self.section.span is None:
            spots.reverse()
        self.view.report("A0607", message, *spots, help=help)
