"""The two ends of a network, from `train:` alone: the data against the input, the outputs against the label and the loss."""

from __future__ import annotations

from archc.lower.ends.batch import check_batch
from archc.lower.ends.data import data_of
from archc.lower.ends.input import check_input
from archc.lower.ends.label import label_of
from archc.lower.ends.outputs import check_outputs
from archc.lower.ends.settings import check_settings
from archc.lower.ends.view import View
from archc.lower.train import Train

__all__ = ["View", "check_ends"]


def check_ends(train: Train, view: View) -> None:
    """Report what of `train:` does not go with the network."""
    data = data_of(train, view)
    if data is None:
        return
    check_settings(train, data, view)
    fits = check_input(data, view)
    label = label_of(train, data, view)
    if view.is_misconnected():
        return
    types = view.types_at(data.sizes) if fits else view.types
    if types is None:
        return
    if label is not None and train.loss is not None:
        check_outputs(train.loss, label, data, types, view)
    check_batch(train, data, types, view)
