"""The way out that a finding shows: what people write who come from elsewhere, and how it is said here."""

from __future__ import annotations

import pytest

from archc.api import load_with
from archc.diagnostics import Diagnostic

HEAD = "archc: 1\nname: net\n"
PICTURE = HEAD + "input: {channels: 3, height: 32, width: 32}\n"
STAGES = PICTURE + "stages:\n"
WIDTH = PICTURE + "params: {width: 8}\nstages:\n"
RELU = "stages: [{type: relu}]\n"
TRAIN = (
    PICTURE + "stages: [{type: global_avg_pool}, {type: flatten}, {type: linear, out_features: 10}]\n"
    "train: {batch_size: 8, epochs: 1, "
)


def one(text: str) -> Diagnostic:
    (diagnostic,) = load_with("-", [], text.encode()).check(warnings=False)
    return diagnostic


def conv(out_channels: str, head: str = WIDTH) -> str:
    return f"{head}  - {{type: conv, out_channels: {out_channels}, kernel_size: 3}}"


ADVICE = [
    ("a param without its `$`", conv("width"), "write `$width`"),
    ("a sum in bare text", conv("width * 2"), 'write `"${width * 2}"`'),
    ("a name in a sum in bare text", conv("$width * 2"), 'write `"${width * 2}"`'),
    ("numbers in bare text", conv("64 * 2"), 'write `"${64 * 2}"`'),
    ("a variable of a template", conv('"{{ width }}"'), "write `$width`"),
    ("a variable of a makefile", conv('"$(width)"'), "write `$width`"),
    ("a word that is no param", conv("wide"), "write an int"),
    ("a sum with a word that is no param", conv("wide * 2"), "write an int"),
    ("a tuple", STAGES + "  - type: max_pool\n    kernel_size: (3, 2)", "write `[3, 2]`"),
    ("a tuple in braces", STAGES + "  - {type: max_pool, kernel_size: (3, 3)}", "write `[3, 3]`"),
    ("a tuple of params", WIDTH + "  - {type: max_pool, kernel_size: ($width, 3)}", "write `[$width, 3]`"),
    ("a remark in braces", STAGES + "  - {type: relu, doc: (first, last)}", "put quotes around it"),
    ("numbers without a key", STAGES + "  - {type: relu, 100, 200}", "write `key: value`, or remove it"),
    ("a tuple of three in braces", STAGES + "  - {type: max_pool, stride: (1, 2,3), kernel_size: 3}", "write `[1, 2,3]`"),
    ("a number with a comma", conv("1,024"), "write `1024`"),
    ("a number with two commas", conv("1,024,000"), "write `1024000`"),
    ("a fraction", STAGES + "  - {type: upsample, scale_factor: 1.5}", "write a whole number, or round with"),
    ("Python's True", PICTURE + "stages: [{type: relu, when: '${True}'}, {type: relu}]", "did you mean `true`?"),
    ("a condition without braces", PICTURE + "stages: [{type: relu, when: 1 > 2}]", 'write `"${1 > 2}"`'),
    ("a param's type as its default", PICTURE + "blocks: {b: {params: {k: int}, " + RELU[:-1] + "}}\nstages: [{type: b, k: 3}]", "declare it as `k: {type: int}`"),
    ("an alias for a param", conv("*width"), "a param is `$width`"),
    ("a number for a name", STAGES + "  - {name: 0, type: relu}", "leave it out: a stage without a name is numbered"),
    ("a quoted number for a name", STAGES + "  - {name: '0', type: relu}", "leave it out: a stage without a name is numbered"),
    ("a blank in a name", STAGES + "  - {name: my conv, type: relu}", "rename it, say `my_conv`"),
    ("a digit before a name", STAGES + "  - {name: 1x1, type: relu}", "rename it, say `_1x1`"),
    ("a module's attribute", STAGES + "  - {name: forward, type: relu}", "rename it, say `forward_`"),
    ("a keyword", STAGES + "  - {name: class, type: relu}", "rename it, say `class_`"),
    ("no letter that a name can have", STAGES + "  - {name: 名前, type: relu}", "rename it"),
    ("the version as text", PICTURE.replace("archc: 1", "archc: '1'") + RELU, "write `archc: 1`"),
    ("a shape for the input", HEAD + "input: [3, 64, 48]\n" + RELU, "write `{channels: 3, height: 64, width: 48}`"),
    ("a width for the input", HEAD + "input: [64]\n" + RELU, "write `{features: 64}`"),
    ("a size of -1", HEAD + "input: {channels: 3, length: -1}\n" + RELU, "a free size is `length: {default: 224}`"),
    ("a size of null", HEAD + "input: {channels: 3, length: null}\n" + RELU, "a free size is `length: {default: 224}`"),
    ("a type as the key", STAGES + "  - conv: {out_channels: 8, kernel_size: 3}", "write `{type: conv, ...}`"),
    ("a type alone", STAGES + "  - relu", "write `- {type: relu}`"),
    ("names as keys", STAGES + "  act: {type: relu}", "write a list: `- {name: act, type: ...}` for each stage"),
    ("a group with a type", STAGES + "  - {type: Sequential, stages: [{type: relu}]}", "remove one of the two"),
    ("a part of a stage", STAGES + "  - {name: a, type: vgg, out_channels: 4}\n  - {type: relu, from: a.0}", "no reference reaches into `a`"),
    ("a claim with the batch", STAGES + "  - {type: relu, expect: [1, 3, 32, 32]}", "leave the batch out of it"),
    ("a path of a claim", STAGES + "  - {name: a, type: relu}\nexpect: {q: [3, 32, 32]}", "see `archc show`"),
    ("a number for a distribution", STAGES + "  - {type: conv, out_channels: 8, kernel_size: 3, init: {bias: 0}}", "write `{type: constant, value: 0}`"),
    ("a data set without its braces", TRAIN + "optimizer: {type: sgd, lr: 1}, data: cifar10}", "write `{type: cifar10}`"),
    ("an optimizer without its braces", TRAIN + "optimizer: sgd, data: {type: cifar10}}", "write `{type: sgd, ...}`"),
    ("a learning rate outside", TRAIN + "optimizer: {type: sgd, lr: 1}, data: {type: cifar10}, momentum: 0.9}", "write it in `optimizer`"),
    ("the only field", STAGES + "  - {type: leaky_relu, eps: 1}", "the only one is `negative_slope`"),
    ("no variable is known", PICTURE + "params: {w: '${h}'}\n" + RELU, "there is none here"),
    ("a later param", PICTURE + "params: {w: '${h}', h: 1}\n" + RELU, "a default uses the params before it"),
    ("a param by itself", PICTURE + "params: {w: '${w}'}\n" + RELU, "a default uses the params before it"),
    ("a condition half in braces", WIDTH + "  - {type: relu, when: $width > 0}", 'write `"${width > 0}"`'),
    ("a quoted int", conv("'8'"), "write `8` without quotes"),
    ("a batch in the input", HEAD + "input: {channels: 3, length: 8, batch: 4}\n" + RELU, "the batch is always free"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "help"), [row[1:] for row in ADVICE], ids=[row[0] for row in ADVICE])
def test_one_finding_shows_the_way_out(text: str, help: str) -> None:
    assert help in one(text).help


TYPES = [
    ("nn.ReLU()", "`relu`"),
    ("torch.nn.Conv2d", "`conv`"),
    ("nn.LeakyReLU(0.1)", "`leaky_relu`"),
    ("MaxPooling2D", "`max_pool`"),
    ("GlobalAveragePooling2D", "`global_avg_pool`"),
    ("BatchNormalization", "`batch_norm`"),
    ("Dropout2d", "`dropout` with `channelwise: true`"),
    ("SpatialDropout2D", "`dropout` with `channelwise: true`"),
    ("Dropout", "`dropout`"),
    ("BasicBlock", "`residual`"),
    ("MBConv", "`inverted_residual`"),
    ("ConvBNReLU", "`conv_norm_act`"),
    ("Conv2dNormActivation", "`conv_norm_act`"),
    ("SELayer", "`squeeze_excite`"),
    ("Activation", "say `type: relu`"),
]


@pytest.mark.parametrize(("name", "help"), TYPES)
def test_types_of_other_tools_are_taken_as_meant(name: str, help: str) -> None:
    assert help in one(f'{STAGES}  - {{type: "{name}"}}').help


def test_dropout_of_channels_is_not_respelt_to_dropout_of_elements() -> None:
    assert one(STAGES + "  - {type: Dropout2d}").fix is None


def test_values_are_shown_as_they_were_written() -> None:
    assert one(STAGES + "  - {type: batch_norm, eps: 0}").label == "0 is given, above 0 is needed"
    assert one(STAGES + "  - {type: dropout, p: 1.00000001}").label.startswith("1.00000001 is given")
    assert "1 channel over 4" in one(HEAD + "input: {channels: 1, height: 4, width: 4}\nstages: [{type: pixel_shuffle, upscale_factor: 2}]").label  # fmt: skip


@pytest.mark.parametrize("value", ["{a: 1, b}", "[(3, 3)]", "(3", "3", "1, 24"])
def test_only_a_comma_within_a_value_is_one(value: str) -> None:
    found = load_with("-", [], f"{STAGES}  - {{type: relu, x: {value}}}".encode()).check(warnings=False)
    assert found
    assert not any("comma" in diagnostic.label for diagnostic in found)


FOREIGN = [
    ("width ** 2", "there is no power"),
    ("width ^ 2", "there is no power"),
    ("8 if width > 1 && width < 9 else 4", "write `and`"),
    ("width > 1 ? 8 : 4", "write `a if c else b`"),
    ("8 if width is 1 else 4", "write `==`"),
    ("8 if width = 1 else 4", "write `==`"),
    ("int(width * 0.3)", "use `floor`, `ceil` or `round`"),
]


@pytest.mark.parametrize(("expression", "help"), FOREIGN)
def test_expressions_of_other_languages_are_said_here(expression: str, help: str) -> None:
    assert help in one(conv(f'"${{{expression}}}"')).help
