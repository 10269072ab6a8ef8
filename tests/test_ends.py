"""The two ends of a network: what `train:` says of data, label and loss, against the input and the outputs.

Every mistake gives its code at its place, once; mended it is clean; and torch agrees: it refuses the step or warns of it,
but for the mistakes that are marked as silent, which train something else than was meant.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from test_mistakes import check

import archc
from archc.diagnostics import CODES
from archc.diagnostics.render import to_text
from archc.spec.datasets import DATA_SETS

TRIED = 1_000
"""How many pairs of ends are tried, of all of PRODUCT."""

HERE = "‹"
"""Stands in a text before the place that is to be blamed."""


@dataclass(frozen=True)
class Case:
    """A spec in parts: `says` is the code to expect, `mend` what to put in place of parts to make it clean."""

    name: str
    input: str
    stages: tuple[str, ...]
    data: str
    label: str = ""
    loss: str = ""
    batch: str = "8"
    more: tuple[str, ...] = ()
    """Further fields of `train`."""
    top: tuple[str, ...] = ()
    """Further fields of the spec."""
    says: tuple[str, ...] = ()
    mend: dict[str, Any] = field(default_factory=dict)
    silent: bool = False
    """Whether torch trains without a word."""

    @property
    def text(self) -> str:
        lines = ["archc: 1", "name: net", f"input: {self.input}", *self.top, "stages:"]
        lines += [f"  - {stage}" for stage in self.stages]
        lines += ["train:", f"  data: {self.data}"]
        lines += [f"  label: {self.label}"] * bool(self.label) + [f"  loss: {self.loss}"] * bool(self.loss)
        lines += [f"  batch_size: {self.batch}", "  epochs: 1", *(f"  {line}" for line in self.more)]
        return "\n".join([*lines, "  optimizer: {type: sgd, lr: 0.1}", ""])

    @property
    def places(self) -> list[tuple[int, int]]:
        lines = enumerate(self.text.splitlines(), start=1)
        return [(at, line.replace(HERE, "", n).index(HERE) + 1) for at, line in lines for n in range(line.count(HERE))]

    @property
    def mended(self) -> Case:
        return replace(self, **self.mend, says=(), mend={})


FLAT = "{type: flatten}"
POOL = "{type: global_avg_pool}"
CONV = "{type: conv, out_channels: 4, kernel_size: 3}"
SOFTMAX, SIGMOID, LOG = "{type: softmax}", "{type: sigmoid}", "{type: log_softmax}"
GREY, COLOUR = "{channels: 1, height: 28, width: 28}", "{channels: 3, height: 32, width: 32}"
FASHION, CIFAR = "{type: fashion_mnist}", "{type: cifar10}"
NUMBER, COLUMN = "float", "{type: float, shape: [1]}"


def fc(width: object) -> str:
    return f"{{type: linear, out_features: {width}}}"


def conv(width: object) -> str:
    return f"{{type: conv, out_channels: {width}, kernel_size: 1}}"


def folder(classes: object = 2, channels: object = 3, size: int = 32, more: str = "") -> str:
    return f"{{type: image_folder, path: data, channels: {channels}, height: {size}, width: {size}, classes: {classes}{more}}}"


def features(count: int = 6, more: str = "") -> str:
    return f"{{type: synthetic, features: {count}{more}}}"


def picture(case: str, data: str = FASHION, stages: tuple[str, ...] = (FLAT, fc(10)), **more: Any) -> Case:
    return Case(case, more.pop("input", GREY), stages, data, **more)


def regression(case: str, stages: tuple[str, ...], label: str, **more: Any) -> Case:
    return Case(case, "{features: 6}", stages, more.pop("data", features()), label, more.pop("loss", "mse"), **more)


DATA = [
    picture("grey pictures for a network of colour", "{type: ‹fashion_mnist, resize: 32}", (CONV, FLAT, fc(10)), input=COLOUR, says=("A0601",), mend={"input": "{channels: 1, height: 32, width: 32}", "data": "{type: fashion_mnist, resize: 32}"}),
    picture("colour pictures for a network of grey", "{type: ‹cifar10}", (CONV, FLAT, fc(10)), input="{channels: 1, height: 32, width: 32}", says=("A0601",), mend={"input": COLOUR, "data": CIFAR}),
    picture("a folder read in colour for a network of grey", folder(10, "‹3"), (CONV, POOL, FLAT, fc(10)), input="{channels: 1, height: 32, width: 32}", says=("A0601",), mend={"data": folder(10, 1)}),
    Case("features of another count", "{features: 8}", (fc(3),), "{type: synthetic, features: ‹6, classes: 3}", says=("A0601",), mend={"data": features(8, ", classes: 3")}),
    Case("sequences of other channels", "{channels: 12, length: 64}", (CONV, POOL, FLAT, fc(3)), "{type: synthetic, channels: ‹2, length: 64, classes: 3}", says=("A0601",), mend={"data": "{type: synthetic, channels: 12, length: 64, classes: 3}"}),
    picture("pictures too small for the linear layer", "{type: ‹fashion_mnist}", input="{channels: 1, height: 32, width: 32}", says=("A0602",), mend={"data": "{type: fashion_mnist, resize: 32}"}),
    picture("pictures scaled to another size", "{type: fashion_mnist, resize: ‹96}", input="{channels: 1, height: 224, width: 224}", says=("A0602",), mend={"data": "{type: fashion_mnist, resize: 224}"}),
    picture("pictures scaled to another shape", "{type: mnist, resize: ‹[28, 32]}", says=("A0602",), mend={"data": "{type: mnist}"}),
    picture("digits at the size of MNIST", "{type: ‹digits}", says=("A0602",), mend={"data": "{type: digits, resize: 28}"}),
    picture("a folder of another height", "{type: image_folder, path: data, channels: 1, height: ‹30, width: 28, classes: 10}", says=("A0602",), mend={"data": folder(10, 1, 28)}),
    picture("pictures of a size that a fixed input does not say, though the network would take it", CIFAR.replace("c", "‹c", 1), (CONV, POOL, FLAT, fc(10)), input="{channels: 3, height: 64, width: 64}", says=("A0602",), silent=True, mend={"data": "{type: cifar10, resize: 64}"}),
    picture("pictures below a free size", "{type: fashion_mnist, resize: ‹28}", ("{type: max_pool, kernel_size: 32}", POOL, FLAT, fc(10)), input="{channels: 1, height: {min: 32, default: 64}, width: {min: 32, default: 64}}", says=("A0602",), mend={"data": "{type: fashion_mnist, resize: 32}"}),
    picture("pictures between the steps of a free size", "{type: cifar10, resize: ‹30}", ("{name: down, type: max_pool, kernel_size: 4}", "{name: up, type: upsample, scale_factor: 4}", "{type: add, from: [up, input]}", POOL, FLAT, fc(10)), input="{channels: 3, height: {multiple_of: 4, default: 32}, width: {multiple_of: 4, default: 32}}", says=("A0602",), mend={"data": "{type: cifar10, resize: 28}"}),
    Case("sequences of another length", "{channels: 2, length: 64}", (FLAT, fc(3)), "{type: synthetic, channels: 2, length: ‹60, classes: 3}", says=("A0602",), mend={"data": "{type: synthetic, channels: 2, length: 64, classes: 3}"}),
    Case("volumes of another depth", "{channels: 1, depth: 8, height: 8, width: 8}", (FLAT, fc(3)), "{type: synthetic, channels: 1, depth: ‹4, height: 8, width: 8, classes: 3}", says=("A0602",), mend={"data": "{type: synthetic, channels: 1, depth: 8, height: 8, width: 8, classes: 3}"}),
    Case("pictures for a network of features", "{features: 784}", (fc(10),), "{type: ‹fashion_mnist}", says=("A0603",), mend={"input": GREY, "stages": (FLAT, fc(10)), "data": FASHION}),
    Case("features for a network of pictures", GREY, (CONV, POOL, FLAT, fc(3)), "{type: synthetic, features: ‹784, classes: 3}", says=("A0603",), mend={"data": "{type: synthetic, channels: 1, height: 28, width: 28, classes: 3}"}),
    Case("sequences for a network of pictures", COLOUR, (CONV, POOL, FLAT, fc(3)), "{type: synthetic, channels: ‹3, length: 32, classes: 3}", says=("A0603",), mend={"data": "{type: synthetic, channels: 3, height: 32, width: 32, classes: 3}"}),
    Case("pictures for a network of volumes", "{channels: 3, depth: 8, height: 32, width: 32}", (CONV, FLAT, fc(10)), "{type: ‹cifar10}", says=("A0603",), mend={"input": COLOUR, "data": CIFAR}),
    Case("pictures for a network of sequences", "{channels: 3, length: 1024}", (CONV, FLAT, fc(10)), "{type: ‹cifar10}", says=("A0603",), mend={"input": COLOUR, "data": CIFAR}),
    picture("channels last", CIFAR, (CONV, FLAT, fc(10)), input="{channels: ‹32, height: 32, width: 3}", says=("A0604",), mend={"input": COLOUR}),
    picture("one channel last", FASHION, ("{type: conv, out_channels: 4, kernel_size: 1}", FLAT, fc(10)), input="{channels: ‹28, height: 28, width: 1}", says=("A0604",), mend={"input": GREY}),
    picture("channels last in a folder", folder(10, 3, 64), ("{type: conv, out_channels: 4, kernel_size: 3}", FLAT, fc(10)), input="{channels: ‹64, height: 64, width: 3}", says=("A0604",), mend={"input": "{channels: 3, height: 64, width: 64}"}),
    Case("sequence with its channels last", "{channels: ‹64, length: 2}", (CONV.replace("3}", "1}"), FLAT, fc(3)), "{type: synthetic, channels: 2, length: 64, classes: 3}", says=("A0604",), mend={"input": "{channels: 2, length: 64}"}),
    Case("no channel axis", "‹{channels: 28, length: 28}", (CONV, FLAT, fc(10)), FASHION, says=("A0604",), mend={"input": GREY}),
]  # fmt: skip

CLASSES = [
    picture("a head of a thousand classes", stages=(FLAT, fc("‹1000")), says=("A0605",), silent=True, mend={"stages": (FLAT, fc(10))}),
    picture("a head that is too narrow", stages=(FLAT, fc("‹9")), says=("A0605",), mend={"stages": (FLAT, fc(10))}),
    picture("ten of a hundred classes", "{type: cifar100}", (FLAT, fc("‹10")), input=COLOUR, says=("A0605",), mend={"stages": (FLAT, fc(100))}),
    picture("a head by a param", top=("params: {num_classes: 5}",), stages=(FLAT, fc("‹$num_classes")), says=("A0605",), mend={"top": ("params: {num_classes: 10}",), "stages": (FLAT, fc("$num_classes"))}),
    picture("a folder of other classes", folder(7), (FLAT, fc("‹5")), input=COLOUR, says=("A0605",), mend={"data": folder(5), "stages": (FLAT, fc(5))}),
    picture("two classes, one logit", folder(2), (FLAT, fc("‹1")), input=COLOUR, says=("A0605",), mend={"label": COLUMN, "loss": "bce_with_logits", "stages": (FLAT, fc(1))}),
    picture("no linear layer at the end", stages=("{type: ‹flatten}",), says=("A0605",), silent=True, mend={"stages": (FLAT, fc(10))}),
    picture("no linear layer behind the pool", stages=("{type: conv, out_channels: ‹64, kernel_size: 3}", POOL, FLAT), says=("A0605",), silent=True, mend={"stages": ("{type: conv, out_channels: 64, kernel_size: 3}", POOL, FLAT, fc(10))}),
    picture("a pool that is missing before the flatten", stages=(CONV, conv(10), "{type: ‹flatten}"), says=("A0605",), silent=True, mend={"stages": (CONV, conv(10), POOL, FLAT)}),
    picture("a head behind norm and dropout", stages=(FLAT, fc("‹9"), "{type: batch_norm}", "{type: dropout}"), says=("A0605",), mend={"stages": (FLAT, fc(10), "{type: batch_norm}", "{type: dropout}")}),
    picture("a head of two parts", stages=("{name: flat, type: flatten}", "{name: a, type: linear, from: flat, out_features: 5}", "{name: b, type: linear, from: flat, out_features: 4}", "{type: ‹concat, from: [a, b]}"), says=("A0605",), mend={"stages": ("{name: flat, type: flatten}", "{name: a, type: linear, from: flat, out_features: 5}", "{name: b, type: linear, from: flat, out_features: 5}", "{type: concat, from: [a, b]}")}),
    picture("a head in a block of the spec's own", top=("blocks: {head: {params: {n: {type: int}}, stages: [{type: flatten}, {type: linear, out_features: $n}]}}",), stages=("{type: head, n: ‹9}",), says=("A0605",), mend={"stages": ("{type: head, n: 10}",)}),
    picture("a head in a block, fixed there", top=("blocks: {head: {stages: [{type: flatten}, {type: linear, out_features: ‹9}]}}",), stages=("{type: head}",), says=("A0605",), mend={"top": ("blocks: {head: {stages: [{type: flatten}, {type: linear, out_features: 10}]}}",)}),
    picture("a head in a block that ships", "{type: cifar10}", ("{type: nin, out_channels: ‹8, kernel_size: 3}", POOL, FLAT), input=COLOUR, says=("A0605",), mend={"stages": ("{type: nin, out_channels: 10, kernel_size: 3}", POOL, FLAT)}),
    picture("one-hot labels of other classes", label="one_hot", stages=(FLAT, fc("‹12")), says=("A0605",), mend={"stages": (FLAT, fc(10))}),
    picture("one-hot labels of other classes, each compared", label="one_hot", loss="bce_with_logits", stages=(FLAT, fc("‹12")), says=("A0605",), mend={"stages": (FLAT, fc(10))}),
    picture("one-hot labels, one number", label="one_hot", loss="mse", stages=(FLAT, fc("‹1")), says=("A0605",), mend={"stages": (FLAT, fc(10))}),
    picture("maps of other classes", folder(4), (conv("‹3"),), label="map", input=COLOUR, says=("A0605",), mend={"stages": (conv(4),)}),
    picture("an auxiliary head of other classes", stages=("{name: flat, type: flatten}", "{name: main, type: linear, out_features: 10}", "{name: aux, type: linear, from: flat, out_features: ‹9}"), top=("outputs: {logits: main, early: {from: aux, only: training}}",), says=("A0605",), mend={"stages": ("{name: flat, type: flatten}", "{name: main, type: linear, out_features: 10}", "{name: aux, type: linear, from: flat, out_features: 10}")}),
    picture("an auxiliary output that weighs", stages=("{name: flat, type: flatten}", "{name: main, type: linear, out_features: 10}", "{name: aux, type: linear, from: flat, out_features: ‹9}"), top=("outputs: {logits: main, early: {from: aux, only: training}}",), loss="{type: cross_entropy, weights: {early: 0.3}}", says=("A0605",), mend={"loss": "{type: cross_entropy, weights: {early: 0}}"}),
    picture("two heads, both wrong", stages=("{name: flat, type: flatten}", "{name: main, type: linear, out_features: ‹8}", "{name: aux, type: linear, from: flat, out_features: ‹9}"), top=("outputs: {logits: main, early: {from: aux, only: training}}",), says=("A0605", "A0605"), mend={"stages": ("{name: flat, type: flatten}", "{name: main, type: linear, out_features: 10}", "{name: aux, type: linear, from: flat, out_features: 10}")}),
    picture("a soft-max does not hide the width", stages=(FLAT, fc("‹9"), "{type: ‹softmax}"), says=("A0605", "A0610"), mend={"stages": (FLAT, fc(10))}),
]  # fmt: skip

SHAPES = [
    picture("no pool and no flatten", stages=(CONV, "{type: ‹conv, out_channels: 10, kernel_size: 3}"), says=("A0606",), mend={"stages": (CONV, "{type: conv, out_channels: 10, kernel_size: 3}", POOL, FLAT)}),
    picture("no flatten behind the pool", stages=("{type: conv, out_channels: 10, kernel_size: 3}", "{type: ‹global_avg_pool}"), says=("A0606",), mend={"stages": ("{type: conv, out_channels: 10, kernel_size: 3}", POOL, FLAT)}),
    picture("a map against one-hot labels", stages=("{type: ‹conv, out_channels: 10, kernel_size: 3}",), label="one_hot", says=("A0606",), mend={"stages": ("{type: conv, out_channels: 10, kernel_size: 3}", POOL, FLAT)}),
    picture("a map against one number", stages=("{type: conv, out_channels: 1, kernel_size: 3}", "{type: ‹global_avg_pool}"), data=folder(), label=COLUMN, loss="bce_with_logits", input=COLOUR, says=("A0606",), mend={"stages": ("{type: conv, out_channels: 1, kernel_size: 3}", POOL, FLAT)}),
    Case("a sequence that was not pooled", "{channels: 2, length: 64}", ("{type: ‹conv, out_channels: 3, kernel_size: 3}",), "{type: synthetic, channels: 2, length: 64, classes: 3}", says=("A0606",), mend={"stages": ("{type: conv, out_channels: 3, kernel_size: 3}", POOL, FLAT)}),
    Case("a linear layer on channels last", COLOUR, ("{type: channels_last}", "{type: ‹linear, out_features: 10}"), CIFAR, says=("A0606",), mend={"stages": (FLAT, fc(10))}),
    picture("a network of convolutions without an end in a block", stages=("{name: net, type: ‹vgg, n: 1, out_channels: 10}",), says=("A0606",), mend={"stages": ("{name: net, type: vgg, n: 1, out_channels: 10}", POOL, FLAT)}),
    picture("a map that is smaller than its labels", folder(4), ("{type: conv, out_channels: 4, kernel_size: 3}",), input=COLOUR, label="‹map", says=("A0609",), mend={"label": "map", "stages": ("{type: conv, out_channels: 4, kernel_size: 3, padding: 1}",)}),
    picture("a map at half the size", folder(4), ("{type: max_pool, kernel_size: 2}", conv(4)), input=COLOUR, label="‹map", says=("A0609",), mend={"label": "map", "stages": ("{type: max_pool, kernel_size: 2}", conv(4), "{type: upsample, scale_factor: 2}")}),
    picture("features where the labels are maps", folder(4), (FLAT, fc(4)), input=COLOUR, label="‹map", says=("A0609",), mend={"label": "map", "stages": (conv(4),)}),
    picture("classes last where the labels are maps", folder(4), ("{type: channels_last}", fc(4)), input=COLOUR, label="‹map", says=("A0609",), mend={"label": "map", "stages": ("{type: channels_last}", fc(4), "{type: channels_first}")}),
    regression("two numbers against one", (fc(2),), "‹float", loss="bce_with_logits", says=("A0609",), mend={"label": COLUMN, "stages": (fc(1),)}),
    regression("a column against a list, of logits", (fc(1),), "‹float", loss="bce_with_logits", says=("A0609",), mend={"label": COLUMN}),
    regression("a column against a list, of probabilities", (fc(1), SIGMOID), "‹float", loss="bce", says=("A0609",), mend={"label": COLUMN}),
    regression("three numbers against two", (fc(3),), "{type: ‹float, shape: [2]}", says=("A0609",), mend={"label": "{type: float, shape: [3]}"}),
    regression("two numbers against a list", (fc(2),), "‹float", says=("A0609",), mend={"label": "{type: float, shape: [2]}"}),
    regression("soft labels of other classes", (fc(3),), "{type: ‹float, shape: [4]}", loss="cross_entropy", says=("A0609",), mend={"label": "{type: float, shape: [3]}"}),
    picture("a mask without its channel", "{type: synthetic, channels: 3, height: 32, width: 32}", (conv(1),), input=COLOUR, label="{type: ‹float, shape: [32, 32]}", loss="bce_with_logits", says=("A0609",), mend={"label": "{type: float, shape: [1, 32, 32]}"}),
    picture("a mask without its channel, stretched", "{type: synthetic, channels: 3, height: 32, width: 32}", (conv(1),), input=COLOUR, label="{type: ‹float, shape: [32, 32]}", loss="mse", says=("A0608",), mend={"label": "{type: float, shape: [1, 32, 32]}"}),
    regression("a column against a list", (fc(1),), "‹float", says=("A0608",), mend={"label": COLUMN}),
    regression("a column against a list, absolute", (fc(4), "{type: relu}", fc(1)), "‹float", loss="l1", says=("A0608",), mend={"label": COLUMN}),
    regression("a column against a list, smooth", (fc(1),), "‹float", loss="smooth_l1", says=("A0608",), mend={"label": COLUMN}),
    regression("eight numbers against one in a column", (fc(8),), "{type: ‹float, shape: [1]}", says=("A0608",), mend={"stages": (fc(1),), "label": COLUMN}),
    regression("one number against eight", (fc(1),), "{type: ‹float, shape: [8]}", says=("A0608",), mend={"stages": (fc(8),), "label": "{type: float, shape: [8]}"}),
    picture("the class of a folder as one number", folder(), (FLAT, fc(1)), input=COLOUR, label="‹float", loss="mse", says=("A0608",), mend={"label": COLUMN}),
]  # fmt: skip

LOSSES = [
    picture("class indices for a binary loss", folder(), (FLAT, fc(1)), input=COLOUR, loss="‹bce_with_logits", says=("A0607",), mend={"label": COLUMN, "loss": "bce_with_logits"}),
    picture("class indices for a loss of each class", loss="‹bce_with_logits", says=("A0607",), mend={"label": "one_hot", "loss": "bce_with_logits"}),
    picture("class indices for a squared loss", stages=(FLAT, fc(1)), loss="‹mse", says=("A0607",), mend={"label": COLUMN, "loss": "mse"}),
    picture("class indices for probabilities", folder(), (FLAT, fc(1), SIGMOID), input=COLOUR, loss="‹bce", says=("A0607",), mend={"label": COLUMN, "loss": "bce"}),
    picture("maps of classes for a binary loss", folder(), (conv(1),), input=COLOUR, label="map", loss="‹bce_with_logits", says=("A0607",), mend={"stages": (conv(2),), "loss": "cross_entropy"}),
    picture("one-hot labels for nll", stages=(FLAT, fc(10), LOG), label="one_hot", loss="‹nll", says=("A0607",), mend={"label": "class_index", "loss": "nll"}),
    picture("one number for cross-entropy", folder(), (FLAT, fc(2)), input=COLOUR, label="‹float", says=("A0607",), mend={"label": "class_index"}),
    picture("one number in a column for cross-entropy", folder(), (FLAT, fc(1)), input=COLOUR, label=COLUMN, loss="‹cross_entropy", says=("A0607",), silent=True, mend={"loss": "bce_with_logits"}),
    regression("a number for nll", (fc(3), LOG), "float", loss="‹nll", says=("A0607",), mend={"data": features(6, ", classes: 3"), "label": "class_index", "loss": "nll"}),
    picture("ten classes as numbers from 0 to 1", stages=(FLAT, fc(1)), label=COLUMN, loss="‹bce_with_logits", says=("A0607",), silent=True, mend={"stages": (FLAT, fc(10)), "label": "one_hot", "loss": "bce_with_logits"}),
    picture("ten classes as probabilities", stages=(FLAT, fc(1), SIGMOID), label=COLUMN, loss="‹bce", says=("A0607",), mend={"stages": (FLAT, fc(10), SIGMOID), "label": "one_hot", "loss": "bce"}),
    picture("a soft-max before cross-entropy", stages=(FLAT, fc(10), "{type: ‹softmax}"), says=("A0610",), silent=True, mend={"stages": (FLAT, fc(10))}),
    picture("a soft-max before the flatten", stages=(conv(10), "{type: ‹softmax}", POOL, FLAT), loss="cross_entropy", says=("A0610",), silent=True, mend={"stages": (conv(10), POOL, FLAT)}),
    picture("a sigmoid before cross-entropy", stages=(FLAT, fc(10), "{type: ‹sigmoid}"), says=("A0610",), silent=True, mend={"stages": (FLAT, fc(10))}),
    picture("a soft-max and dropout", stages=(FLAT, fc(10), "{type: ‹softmax}", "{type: dropout}"), says=("A0610",), silent=True, mend={"stages": (FLAT, fc(10), "{type: dropout}")}),
    picture("a sigmoid before its own loss", folder(), (FLAT, fc(1), "{type: ‹sigmoid}"), input=COLOUR, label=COLUMN, loss="bce_with_logits", says=("A0610",), silent=True, mend={"stages": (FLAT, fc(1), SIGMOID), "loss": "bce"}),
    picture("a hard sigmoid before a sigmoid", folder(), (FLAT, fc(1), "{type: ‹hardsigmoid}"), input=COLOUR, label=COLUMN, loss="bce_with_logits", says=("A0610",), silent=True, mend={"stages": (FLAT, fc(1))}),
    picture("a soft-max before a sigmoid", stages=(FLAT, fc(10), "{type: ‹softmax}"), label="one_hot", loss="bce_with_logits", says=("A0610",), silent=True, mend={"stages": (FLAT, fc(10), SOFTMAX), "loss": "bce"}),
    picture("logarithms before a sigmoid", stages=(FLAT, fc(10), "{type: ‹log_softmax}"), label="one_hot", loss="bce_with_logits", says=("A0610",), silent=True, mend={"stages": (FLAT, fc(10))}),
    picture("a soft-max over maps", folder(4), (conv(4), "{type: ‹softmax}"), input=COLOUR, label="map", says=("A0610",), silent=True, mend={"stages": (conv(4),)}),
    picture("logits for nll", loss="‹nll", says=("A0611",), silent=True, mend={"stages": (FLAT, fc(10), LOG), "loss": "nll"}),
    picture("probabilities for nll", stages=(FLAT, fc(10), SOFTMAX), loss="‹nll", says=("A0611",), silent=True, mend={"stages": (FLAT, fc(10), LOG), "loss": "nll"}),
    picture("logits for probabilities", folder(), (FLAT, fc(1)), input=COLOUR, label=COLUMN, loss="‹bce", says=("A0611",), mend={"loss": "bce_with_logits"}),
    picture("a rectifier for probabilities", folder(), (FLAT, fc(1), "{type: softplus}"), input=COLOUR, label=COLUMN, loss="‹bce", says=("A0611",), mend={"stages": (FLAT, fc(1), SIGMOID), "loss": "bce"}),
]  # fmt: skip

NORM = "{name: norm, type: batch_norm}"

BATCHES = [
    picture("batches of one", stages=(FLAT, fc(20), NORM, fc(10)), batch="‹1", says=("A0612",), mend={"batch": "2"}),
    picture("a last batch of one", stages=(FLAT, fc(20), NORM, fc(10)), batch="‹59999", says=("A0612",), mend={"more": ("drop_last: true",), "batch": "59999"}),
    picture("a last batch of one among digits", "{type: digits, resize: 28}", (FLAT, fc(20), NORM, fc(10)), batch="‹479", says=("A0612",), mend={"batch": "480"}),
    picture("a last batch of one of a folder", folder(2, more=", examples: 1025"), (FLAT, fc(20), NORM, fc(2)), input=COLOUR, batch="‹64", says=("A0612",), mend={"data": folder(2, more=", examples: 1024"), "batch": "64"}),
    picture("a last batch of one of made examples", features(6, ", classes: 3, examples: 33"), (fc(20), NORM, fc(3)), input="{features: 6}", batch="‹32", says=("A0612",), mend={"batch": "31"}),
    picture("a last batch of one behind a pool", CIFAR, (CONV, POOL, NORM, FLAT, fc(10)), input=COLOUR, batch="‹49999", says=("A0612",), mend={"stages": (CONV, NORM, POOL, FLAT, fc(10)), "batch": "49999"}),
    picture("batches of one in a branch that squeezes", CIFAR, ("{type: conv_norm_act, out_channels: 8, stride: 32, kernel_size: 1}", "{type: flatten}", fc(10)), input=COLOUR, batch="‹1", says=("A0612",), mend={"batch": "4"}),
    picture("batches of one in an auxiliary head", stages=("{name: flat, type: flatten}", "{name: main, type: linear, out_features: 10}", "{name: norm, type: batch_norm, from: flat}", "{name: aux, type: linear, out_features: 10}"), top=("outputs: {logits: main, early: {from: aux, only: training}}",), batch="‹1", says=("A0612",), mend={"batch": "3"}),
    picture("groups of one channel and batches of one", stages=(FLAT, fc(20), "{type: group_norm, num_groups: 20}", fc(10)), batch="‹1", says=("A0612",), mend={"stages": (FLAT, fc(20), "{type: group_norm, num_groups: 10}", fc(10)), "batch": "1"}),
    picture("no whole batch", features(6, ", classes: 3, examples: 33"), (fc(3),), input="{features: 6}", batch="‹64", more=("drop_last: true",), says=("A0614",), silent=True, mend={"more": ("drop_last: false",), "batch": "64"}),
    picture("a weight of no output", loss="{type: cross_entropy, weights: {‹aux: 0.3}}", stages=(FLAT, "{name: logits, type: linear, out_features: 10}"), says=("A0613",), silent=True, mend={"loss": "{type: cross_entropy, weights: {logits: 0.3}}"}),
    picture("nothing weighs", loss="{type: cross_entropy, weights: {‹logits: 0}}", stages=(FLAT, "{name: logits, type: linear, out_features: 10}"), says=("A0613",), mend={"loss": "cross_entropy"}),
    picture("maps of a set without maps", label="‹map", stages=(conv(10),), says=("A0615",), mend={"stages": (FLAT, fc(10)), "label": "class_index"}),
    picture("maps of features", features(6, ", classes: 3"), (fc(3),), input="{features: 6}", label="‹map", says=("A0615",), mend={"label": "class_index"}),
    picture("classes of data without classes", "{type: ‹synthetic, features: 6}", (fc(3),), input="{features: 6}", says=("A0615",), mend={"data": features(6, ", classes: 3")}),
    picture("one-hot labels of data without classes", features(), (fc(3),), input="{features: 6}", label="‹one_hot", says=("A0615",), mend={"data": features(6, ", classes: 3"), "label": "one_hot"}),
    picture("several numbers of a class", folder(3), (FLAT, fc(3)), input=COLOUR, label="{type: float, shape: ‹[3]}", loss="mse", says=("A0615",), mend={"label": "one_hot"}),
]  # fmt: skip

TABLE = [*DATA, *CLASSES, *SHAPES, *LOSSES, *BATCHES]

CLEAN = [
    picture("Fashion-MNIST as it is"),
    picture("a wider picture", "{type: mnist, resize: [28, 56]}", input="{channels: 1, height: 28, width: 56}"),
    picture("a free size that has it", "{type: cifar10, resize: 48}", (CONV, POOL, FLAT, fc(10)), input="{channels: 3, height: {min: 16, default: 32}, width: {min: 16, default: 32}}"),
    picture("a size by a param", "{type: cifar10, resize: $size}", input="{channels: 3, height: $size, width: $size}", top=("params: {size: 40}",)),
    picture("as many channels as rows", "{type: synthetic, channels: 8, height: 8, width: 8, classes: 3}", (FLAT, fc(3)), input="{channels: 8, height: 8, width: 8}"),
    picture("log-probabilities", stages=(FLAT, fc(10), LOG), loss="nll"),
    picture("log-probabilities of a map, pooled", stages=(conv(10), LOG, POOL, FLAT), loss="nll"),
    picture("log-probabilities taken once more", stages=(FLAT, fc(10), LOG)),
    picture("probabilities", stages=(FLAT, fc(10), SOFTMAX), label="one_hot", loss="bce"),
    picture("distances of probabilities", stages=(FLAT, fc(10), SOFTMAX), label="one_hot", loss="mse"),
    picture("soft labels", features(), (fc(3),), input="{features: 6}", label="{type: float, shape: [3]}", loss="cross_entropy"),
    picture("one-hot labels", label="one_hot"),
    picture("the number of a class", stages=(FLAT, fc(1)), label=COLUMN, loss="l1"),
    picture("pixels", folder(4), (conv(4),), input=COLOUR, label="map"),
    picture("log-probabilities of pixels", folder(4), (conv(4), LOG), input=COLOUR, label="map", loss="nll"),
    picture("masks", "{type: synthetic, channels: 3, height: 32, width: 32}", (conv(1), SIGMOID), input=COLOUR, label="{type: float, shape: [1, 32, 32]}", loss="bce"),
    Case("labels along a sequence", "{channels: 2, length: 64}", (conv(5),), "{type: synthetic, channels: 2, length: 64, classes: 5}", "map"),
    Case("volumes", "{channels: 1, depth: 4, height: 4, width: 4}", (FLAT, fc(2)), "{type: synthetic, channels: 1, depth: 4, height: 4, width: 4, classes: 2}"),
    regression("several numbers", (fc(4), "{type: relu}", fc(3)), "{type: float, shape: [3]}"),
    Case("a number at each place, channels last", "{channels: 2, length: 64}", ("{type: channels_last}", fc(1)), "{type: synthetic, channels: 2, length: 64}", "{type: float, shape: [64, 1]}", "mse"),
    picture("batches of one without a norm", batch="1"),
    picture("batches of one with norms over the layer", stages=(FLAT, fc(20), "{type: layer_norm}", fc(10)), batch="1"),
    picture("batches of one with norms over maps", stages=(CONV, NORM, FLAT, fc(10)), batch="1"),
    picture("a last batch of one that is dropped", stages=(FLAT, fc(20), NORM, fc(10)), batch="59999", more=("drop_last: true",)),
    picture("a last batch of two", stages=(FLAT, fc(20), NORM, fc(10)), batch="59998"),
    picture("a folder of unknown length", folder(2), (FLAT, fc(20), NORM, fc(2)), input=COLOUR, batch="7"),
    picture("an output that does not weigh", stages=("{name: flat, type: flatten}", "{name: main, type: linear, out_features: 10}"), top=("outputs: {logits: main, inside: flat}",), loss="{type: cross_entropy, weights: {inside: 0}}"),
    picture("a weight by a param", stages=(FLAT, "{name: logits, type: linear, out_features: 10}"), top=("params: {w: 0.5}",), loss="{type: cross_entropy, weights: {logits: $w}}"),
    picture("a loss by a param", top=("params: {loss: cross_entropy, label: one_hot}",), loss="$loss", label="$label"),
    picture("sigmoids inside", stages=(CONV, SIGMOID, FLAT, fc(10))),
    picture("soft-max as a gate", stages=("{name: flat, type: flatten}", "{name: a, type: linear, from: flat, out_features: 10}", "{name: b, type: softmax}", "{type: multiply, from: [a, b]}")),
]  # fmt: skip


def ids(cases: list[Case]) -> list[str]:
    return [case.name for case in cases]


def findings(text: str) -> list[tuple[str, int, int]]:
    return [(one.code, one.span.line, one.span.column) for one in check(text)]


@pytest.mark.parametrize("case", TABLE, ids=ids(TABLE))
def test_a_mistake_is_reported_once_where_it_is(case: Case) -> None:
    text = case.text.replace(HERE, "")
    wanted = [(code, *place) for code, place in zip(case.says, case.places, strict=True)]
    assert findings(text) == wanted, to_text(check(text))


@pytest.mark.parametrize("case", TABLE, ids=ids(TABLE))
def test_mended_it_is_clean(case: Case) -> None:
    text = case.mended.text.replace(HERE, "")
    assert HERE not in str(case.mend)
    assert findings(text) == [], to_text(check(text))


@pytest.mark.parametrize("case", CLEAN, ids=ids(CLEAN))
def test_there_is_no_false_alarm(case: Case) -> None:
    assert findings(case.text) == [], to_text(check(case.text))


@pytest.mark.parametrize("case", TABLE, ids=ids(TABLE))
def test_both_ends_are_shown_and_a_way_out(case: Case) -> None:
    for one in check(case.text.replace(HERE, "")):
        assert one.help
        assert one.labels or one.code in ("A0613", "A0615"), "the other end is not shown"
        assert one.label


def test_every_code_of_the_two_ends_is_in_the_table() -> None:
    assert {code for case in TABLE for code in case.says} == {code for code in CODES if code.startswith("A06")}


def test_names_of_cases_differ() -> None:
    assert len({case.name for case in [*TABLE, *CLEAN]}) == len(TABLE) + len(CLEAN)


# -- torch's verdict ----------------------------------------------------------------------------------------------------

SIZES = {"fashion_mnist": (1, 28), "mnist": (1, 28), "cifar10": (3, 32), "cifar100": (3, 32), "digits": (1, 8)}
EXAMPLES = {"fashion_mnist": 60_000, "mnist": 60_000, "cifar10": 50_000, "cifar100": 50_000, "digits": 1_438}
FUNCTIONS = {
    "cross_entropy": "cross_entropy",
    "nll": "nll_loss",
    "bce_with_logits": "binary_cross_entropy_with_logits",
    "bce": "binary_cross_entropy",
    "mse": "mse_loss",
    "l1": "l1_loss",
    "smooth_l1": "smooth_l1_loss",
}


def section(value: Any, params: dict[str, Any], default: str) -> dict[str, Any]:
    value = default if value is None else value
    if isinstance(value, str):
        value = {"type": value}
    found = {key: params.get(one[1:], one) if isinstance(one, str) else one for key, one in value.items()}
    if isinstance(found.get("weights"), dict):
        weights = found["weights"].items()
        found["weights"] = {key: params.get(one[1:]) if isinstance(one, str) else one for key, one in weights}
    return found


def example(data: dict[str, Any]) -> tuple[int, ...]:
    if data["type"] in SIZES:
        channels, size = SIZES[data["type"]]
        resize = data.get("resize", size)
        return (channels, *(resize if isinstance(resize, list) else (resize, resize)))
    return tuple(
        data[key] for key in ("features", "channels", "depth", "length", "height", "width") if data.get(key) is not None
    )


def batches(train: dict[str, Any], examples: int | None) -> Iterator[int]:
    """A whole batch, at most of 8 examples, and the last one of the epoch if that has one example."""
    yield min(8, train["batch_size"])
    if examples is not None and examples % train["batch_size"] == 1 and not train.get("drop_last"):
        yield 1


def target(label: dict[str, Any], data: dict[str, Any], count: int, shape: tuple[int, ...]) -> Any:
    import torch

    classes = data.get("classes") or {"cifar100": 100}.get(data["type"], 10)
    last = torch.full((count,), classes - 1)
    if label["type"] == "class_index":
        return last
    if label["type"] == "one_hot":
        return torch.nn.functional.one_hot(last, classes).float()
    if label["type"] == "map":
        return torch.full((count, *shape[1:]), classes - 1)
    if data["type"] == "synthetic":
        return torch.rand(count, *label.get("shape", ()))
    return last.float().reshape(count, *label.get("shape", ()))


def build(spec: dict[str, Any]) -> Any:
    return archc.api.load_with("-", [], yaml.safe_dump(spec, sort_keys=False).encode()).to_torch().train()


def torch_refuses(text: str, built: Any = None) -> str:
    """One step on each kind of batch, without archc's checks: what torch raises or warns of, or ""."""
    import torch

    spec = yaml.safe_load(text)
    train, params = spec.pop("train"), spec.get("params", {})
    net = build(spec) if built is None else built
    data = section(train["data"], params, "")
    label = section(train.get("label"), params, "class_index")
    loss = section(train.get("loss"), params, "cross_entropy")
    shape = example(data)
    function = getattr(torch.nn.functional, FUNCTIONS[loss["type"]])
    examples = EXAMPLES.get(data["type"], data.get("examples"))
    draws = torch.Generator().manual_seed(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for count in batches(train, examples):
                result = net(10 * torch.randn(count, *shape, generator=draws))
                parts = result._asdict() if hasattr(result, "_asdict") else {None: result}
                weights = loss.get("weights", {})
                named = {name or next(iter(weights), None): part for name, part in parts.items()}
                losses = [
                    function(part, target(label, data, count, shape))
                    for name, part in named.items()
                    if weights.get(name, 1) != 0
                ]
                total = torch.stack(losses).sum()
                if total.requires_grad:
                    total.backward()
    except (RuntimeError, ValueError, IndexError, UserWarning) as error:
        return f"{type(error).__name__}: {error}"
    return ""


JUDGED = [case for case in TABLE if "A0615" not in case.says]
"""What torch can be asked: where the data has no such label there is none to try."""


@pytest.mark.parametrize("case", JUDGED, ids=ids(JUDGED))
def test_torch_refuses_it_or_is_known_to_say_nothing(case: Case) -> None:
    pytest.importorskip("torch")
    refused = torch_refuses(case.text.replace(HERE, ""))
    assert bool(refused) != case.silent, refused


@pytest.mark.parametrize("case", [case.mended for case in TABLE] + CLEAN, ids=ids(TABLE + CLEAN))
def test_torch_takes_what_is_clean(case: Case) -> None:
    pytest.importorskip("torch")
    assert torch_refuses(case.text.replace(HERE, "")) == ""


ENDS = {
    **{f"features {n}": (FLAT, fc(n)) for n in (1, 2, 3, 4)},
    **{f"map {n}": (conv(n),) for n in (1, 3)},
    **{f"pooled {n}": (conv(n), POOL) for n in (1, 3)},
    "small map": (conv(3), "{type: max_pool, kernel_size: 2}"),
    "channels last": ("{type: channels_last}", fc(3)),
}
LAST = ("", SOFTMAX, LOG, SIGMOID, "{type: relu}")
LABELS = (
    "class_index",
    "one_hot",
    "map",
    *(f"{{type: float, shape: {shape}}}" for shape in ([], [1], [3], [8, 8], [1, 8, 8])),
)
SOURCES = (
    folder(2, 3, 8),
    folder(3, 3, 8),
    "{type: synthetic, channels: 3, height: 8, width: 8, classes: 3}",
    "{type: synthetic, channels: 3, height: 8, width: 8}",
)
SILENT = {"A0605", "A0607", "A0610", "A0611"}
"""The codes of mistakes that torch may train without a word."""

PRODUCT = [
    (end, last, label, loss, data)
    for end in ENDS
    for last in LAST
    for label in LABELS
    for loss in FUNCTIONS
    for data in SOURCES
]


def test_every_label_and_loss_at_every_end_is_judged_as_torch_judges_it() -> None:
    """A sample of all pairs: what is clean torch trains; what is not it refuses, or is of a kind that it may let pass."""
    pytest.importorskip("torch")
    nets: dict[tuple[str, str], Any] = {}
    verdicts: Counter[str] = Counter()
    for end, last, label, loss, data in Random(0).sample(PRODUCT, TRIED):
        stages = (*ENDS[end], *([last] if last else []))
        case = Case("", "{channels: 3, height: 8, width: 8}", stages, data, label, loss)
        codes = {one.code for one in check(case.text)}
        if "A0615" in codes:  # there is no such label to try
            continue
        if (end, last) not in nets:
            spec = yaml.safe_load(case.text)
            del spec["train"]
            nets[end, last] = build(spec)
        refused = torch_refuses(case.text, nets[end, last])
        verdicts["clean" if not codes else "refused" if refused else "silent"] += 1
        assert bool(codes) or not refused, f"archc is silent, torch says {refused}\n{case.text}"
        assert refused or codes <= SILENT, f"archc says {codes}, torch nothing\n{case.text}"
    assert min(verdicts[one] for one in ("clean", "refused", "silent")) > TRIED // 100, verdicts


# -- facts --------------------------------------------------------------------------------------------------------------


def test_digits_are_those_of_scikit_learn() -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    digits = datasets.load_digits()
    known = DATA_SETS["digits"]
    assert digits.images.shape == (known.train + known.test, known.height, known.width)
    assert known.test == len(range(4, len(digits.images), 5))
    assert len(digits.target_names) == known.classes


def test_facts_of_known_sets() -> None:
    for name, known in DATA_SETS.items():
        assert example({"type": name}) == (known.channels, known.height, known.width)
        assert EXAMPLES[name] == known.train
        assert prod((known.channels, known.height, known.width)) > 0


# -- specs that ship, and variants --------------------------------------------------------------------------------------


def test_a_setting_that_changes_the_head_is_told_of_the_data(tmp_path: Path) -> None:
    (found,) = archc.load("fashion_mnist/lenet_bn", num_classes=7).check()
    assert found.code == "A0605"
    assert found.help == "set the param `num_classes` to 10"


def test_a_variant_is_blamed_for_what_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text("archc: 1\nextends: fashion_mnist/lenet_bn\nname: net\ninput: {channels: 3}\n", encoding="utf-8")
    (found,) = archc.load(path).check()
    assert (found.code, found.span.line, found.span.column) == ("A0601", 4, 19)
    path.write_text(path.read_text(encoding="utf-8") + "train: {data: {type: cifar10, resize: 28}}\n", encoding="utf-8")
    assert archc.load(path).check() == []
    path.write_text(
        "archc: 1\nextends: fashion_mnist/lenet_bn\nname: net\nparams: {num_classes: 4}\n", encoding="utf-8"
    )
    (found,) = archc.load(path).check()
    assert (found.code, found.span.line, found.span.column) == ("A0605", 4, 23)
    assert {label.text for label in found.labels} == {"gives 4", "10 classes"}


def test_nothing_is_said_of_the_ends_where_a_reference_is_wrong() -> None:
    case = picture("", stages=("{name: flat, type: flatten}", fc(10), "{type: relu, from: ‹flt}"), says=("A0401",))
    assert [one.code for one in check(case.text.replace(HERE, ""))] == ["A0401"]


def test_what_is_known_is_checked_beside_other_mistakes() -> None:
    case = picture("", stages=("{type: conv, out_channels: 4, kernel_size: 40}", FLAT, fc(9)), data="{type: cifar10}")
    codes = sorted(one.code for one in check(case.text))
    assert codes == ["A0303", "A0601", "A0602", "A0605"]


# -- whatever `train` says ----------------------------------------------------------------------------------------------

JUNK: tuple[Any, ...] = (None, True, 0, 1, -1, 28, 1.5, 2**40, "x", "$q", "${1/0}", "${[1, 2]}", "mse", "map", [], [1, 2], {}, {"type": "float", "shape": [3]}, {"type": None}, {"a": 1})  # fmt: skip


def test_no_value_in_train_makes_archc_fail() -> None:
    """Each place of `train` is given a value drawn from JUNK, or taken out: findings, and never an exception."""
    draws = Random(0)
    for case in TABLE:
        spec = yaml.safe_load(case.text.replace(HERE, ""))
        places = [(spec["train"], key) for key in spec["train"]]
        places += [(part, key) for part in spec["train"].values() if isinstance(part, dict) for key in part]
        for holder, key in places:
            old = holder.pop(key)
            check(yaml.safe_dump(spec, sort_keys=False))
            holder[key] = draws.choice(JUNK)
            check(yaml.safe_dump(spec, sort_keys=False))
            holder[key] = old
