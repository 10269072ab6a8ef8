"""Values of a wrong kind, out of range, unknown."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import yaml

from .document import Document
from .language import BUILT_IN, MERGES, WRONG_KIND, kind, out_of_range
from .operators import operator
from .typos import typo

CLASSES = {"conv": "Conv2d", "batch_norm": "BatchNorm2d", "linear": "Linear", "relu": "ReLU", "max_pool": "MaxPool2d"}
CLASSES |= {
    "flatten": "Flatten",
    "dropout": "Dropout",
    "global_avg_pool": "AdaptiveAvgPool2d",
    "residual": "BasicBlock",
}
CLASSES |= {"add": "Add", "concat": "torch.cat", "conv_norm_act": "ConvBNReLU", "avg_pool": "nn.AvgPool2d"}
SECTION_KINDS = {
    "stages": ("3", "conv", "{type: relu}"),
    "input": ("3", "[3, 32, 32]", "image"),
    "params": ("3", "[a, b]", "none"),
    "blocks": ("3", "[a]"),
    "defaults": ("relu", "[conv]"),
    "init": ("zeros", "[conv]"),
    "train": ("10", "[sgd]", "adam"),
    "expect": ("[3, 4, 5]", "3"),
    "budget": ("1000", "[1000]"),
    "aliases": ("norm", "[norm]"),
    "outputs": ("3", "true"),
    "doc": ("3", "[a]", "true"),
    "name": ("3", "[a]", "true"),
    "archc": ("2", '"1"', "one", "1.5", "v1", "0"),
    "extends": ("3", "[a]", "{a: b}"),
}
STAGE_KINDS = {
    "name": ("3", "[a]", "true"),
    "type": ("3", "[conv]", "{conv: 3}", "null"),
    "repeat": ("twice", "true", '"2"', "0", "-1", "20000", "2.5", "[2]"),
    "from": ("3", "-1", "[1, 2]", "{a: b}", "true"),
    "when": ("1", "always", "[true]", '"true"'),
    "inline": ("yes", "1", '"true"'),
    "names": ("[a]", "3", "conv"),
    "expect": ("3", "large", "{channels: 3}"),
    "init": ("zeros", "[zeros]", "3"),
}


@operator("value of a wrong kind", "A0103", "A0104", "A0105", "A0204", "A0008")
def wrong_kind(doc: Document, random: Random) -> Iterator[object]:
    for one in doc.of("stage"):
        found = WRONG_KIND.get(kind(one, doc), ())
        if found:
            yield doc.set_value(one, random.choice(found)), one.place


@operator("stage's own field of a wrong kind", "A0103", "A0104", "A0105")
def wrong_stage_field(doc: Document, random: Random) -> Iterator[object]:
    for one in doc.of("stage"):
        if one.name in STAGE_KINDS:
            yield doc.set_value(one, random.choice(STAGE_KINDS[one.name])), one.place


@operator("section of a wrong kind", "A0103", "A0106", "A0501", "A0104")
def wrong_section(doc: Document, random: Random) -> Iterator[object]:
    for one in doc.of("spec"):
        if one.name in SECTION_KINDS:
            yield doc.set_value(one, random.choice(SECTION_KINDS[one.name])), one.place


@operator("entry of a wrong kind", "A0103", "A0104", "A0102", "A0204")
def wrong_entry(doc: Document, random: Random) -> Iterator[object]:
    wrong = {"input": ("many", "[3]", "true", '"3"', "null"), "axis": ("many", "[3]", "true", '"3"', "null")}
    wrong |= {"train": ("[many]", "true", "null"), "budget": ("few", "[1]", "true", '"9"'), "blocks": ("3", "[a]")}
    wrong |= {"expect": ("3", "big", "{a: 3}"), "init": ("zeros", "[zeros]"), "defaults": ("3", "relu", "[a]")}
    wrong |= {"outputs": ("3", "true", "null"), "output": ("3", "[a, b]", "true")}
    for one in doc.of(*wrong):
        yield doc.set_value(one, random.choice(wrong[one.owner.role])), one.place


@operator("number out of range", "A0104", "A0008", "A0003")
def bad_number(doc: Document, random: Random) -> Iterator[object]:
    for one in doc.of("stage"):
        found = out_of_range(one.name) if one.owner.label in BUILT_IN and one.owner.label != "scale" else ()
        if found:
            yield doc.set_value(one, random.choice(found)), one.place
    for one in doc.of("input", "axis"):
        if isinstance(one.value, yaml.ScalarNode):
            yield doc.set_value(one, random.choice(["0", "-3", "99999999999999999999", "3000000000"])), one.place
    for one in doc.of("train", "section"):
        wrong = {"batch_size": ("0", "-1"), "epochs": ("0", "-5"), "lr": ("0", "-0.1"), "resize": ("0", "-1")}
        if one.name in wrong:
            yield doc.set_value(one, random.choice(wrong[one.name])), one.place


@operator("default out of range", "A0104", "A0008")
def bad_default(doc: Document, random: Random) -> Iterator[object]:
    for one in doc.of("default"):
        found = out_of_range(one.name)
        if one.owner.label in BUILT_IN and found and isinstance(one.value, yaml.ScalarNode):
            yield doc.set_value(one, random.choice(found)), one.place


@operator("unknown type", "A0105")
def unknown_type(doc: Document, random: Random) -> Iterator[object]:
    for one in doc.of("stage"):
        if one.name == "type" and not one.value.value.startswith("$"):
            wrong = CLASSES.get(one.value.value, "") if random.random() < 0.4 else ""
            wrong = wrong or typo(one.value.value, random, {f.name for f in doc.of("blocks")})
            if wrong:
                yield doc.set_value(one, wrong), one.place


@operator("unknown block passed", "A0105", "A0104", "A0103")
def unknown_passed(doc: Document, random: Random) -> Iterator[object]:
    for one in doc.of("stage", "default"):
        is_block = one.name in ("act", "norm", "gate") and isinstance(one.value, yaml.ScalarNode)
        if is_block and not one.value.value.startswith("$") and one.value.value != "none":
            yield doc.set_value(one, typo(one.value.value, random) or "rleu"), one.place


@operator("no such choice", "A0104")
def bad_choice(doc: Document, random: Random) -> Iterator[object]:
    choices = {"loss": "hinge", "mode": "cubic", "only": "inference", "shortcut": "identiy"}
    for one in doc.of("stage", "train", "output", "distribution"):
        if one.name in choices:
            yield doc.set_value(one, choices[one.name]), one.place
    for one in doc.of("section"):
        if one.name == "type":
            yield doc.set_value(one, typo(one.value.value, random) or "adamw"), one.place
    for one in doc.of("param"):
        if one.name == "type":
            yield doc.set_value(one, random.choice(["integer", "str", "number", "flaot", "boolean"])), one.place
    for stage in doc.mappings:
        if stage.role == "stage" and stage.label == "residual" and "shortcut" not in stage.fields:
            yield doc.add(stage, "shortcut: projecton")
        if stage.role == "stage" and stage.label == "upsample" and "mode" not in stage.fields:
            yield doc.add(stage, "mode: bilinear")


@operator("unknown distribution", "A0104", "A0101")
def unknown_distribution(doc: Document, random: Random) -> Iterator[object]:
    for one in doc.of("inits"):
        if isinstance(one.value, yaml.ScalarNode):
            yield doc.set_value(one, typo(one.value.value, random) or "he_normal"), one.place
    for one in doc.of("distribution"):
        if one.name == "type":
            yield doc.set_value(one, random.choice(["he", "glorot_uniform", typo(one.value.value, random)])), one.place
        if one.name in ("std", "bound"):
            yield doc.set_value(one, random.choice(["-1", "big", "true"])), one.place


@operator("bad name", "A0107", "A0103")
def bad_name(doc: Document, random: Random) -> Iterator[object]:
    bad = ("forward", "half", "training", "class", "a.b", "3x", "input", "a b", "naïve", "__dict", "x" * 65, "'7'")
    for stage in doc.mappings:
        name = stage.text("name") if stage.role == "stage" else ""
        if name and "$" not in name and not named_elsewhere(doc, name):
            yield doc.set_value(stage.fields["name"], random.choice(bad)), stage.fields["name"].place


@operator("duplicate name", "A0108")
def duplicate_name(doc: Document, random: Random) -> Iterator[object]:
    for stages in doc.lists:
        certain = [s for s in stages.items if "when" not in s.fields]  # of two that exclude each other one is there
        for at, stage in enumerate(certain):
            others = [s for s in certain[:at] if s.text("name") and "$" not in s.text("name")]
            name = stage.text("name")
            if name and others and "$" not in name and not named_elsewhere(doc, name):
                other = random.choice(others)
                if not named_elsewhere(doc, other.text("name")):
                    places = (stage.fields["name"].place, other.fields["name"].place)
                    yield (doc.set_value(stage.fields["name"], other.text("name")), *places)


def named_elsewhere(doc: Document, name: str) -> bool:
    """Whether anything but its own `name` mentions a stage: a `from`, an output, a claim."""
    for one in doc.fields:
        if one.name in ("from", "upto") and name in doc.source(one.value):
            return True
        if one.owner.role == "expect" and name in one.name.split("."):
            return True
        if one.owner.role in ("outputs", "output") and name in doc.source(one.value):
            return True
        if one.owner.role == "names" or (one.name == "names" and name in doc.source(one.value)):
            return True
    outputs = doc.spec.fields.get("outputs")
    return outputs is not None and name in doc.source(outputs.value)


@operator("wrong number of inputs", "A0405")
def wrong_arity(doc: Document, random: Random) -> Iterator[object]:
    for one in doc.of("stage"):
        if one.name == "from" and one.owner.label in MERGES and isinstance(one.value, yaml.SequenceNode):
            name = one.value.value[0].value
            if not name.endswith("*") and len(one.value.value) > 1:
                yield doc.set_value(one, random.choice([name, f"[{name}]"])), one.place
    for stage in doc.mappings:
        takes_one = stage.label in ("conv", "relu", "max_pool", "linear", "flatten", "residual")
        if takes_one and stage.role == "stage" and "from" not in stage.fields and "repeat" not in stage.fields:
            yield doc.add(stage, "from: [input, input]")


@operator("reserved or taken", "A0107", "A0110", "A0111")
def reserved(doc: Document, random: Random) -> Iterator[object]:
    for m in doc.mappings:
        if m.role == "params" and not doc.is_variant:
            yield doc.add(m, random.choice(["in_channels: 3", "i: 0", "type: 3", "name: x", "a-b: 1", "not: 1"]))
        if m.role == "blocks":
            name = random.choice(["relu", "conv", "residual", "inception"])
            yield doc.add(m, f"{name}: {{stages: [{{type: gelu}}]}}")
    for stages in doc.lists:
        if stages.scope and isinstance(stages.node.value[0], yaml.MappingNode):
            stage = next((s for s in stages.items if s.label in BUILT_IN and not s.text("from")), None)
            if (
                stage is not None
                and stage.label not in MERGES
                and any(m.role == "stage" and m.label == stages.scope and not m.scope for m in doc.mappings)
            ):
                yield doc.set_value(stage.fields["type"], stages.scope), stage.fields["type"].place, stage.place
