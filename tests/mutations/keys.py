"""Keys that are dropped, doubled, misspelt, foreign."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from .document import Document, Field, Mapping
from .edits import Edit
from .language import BUILT_IN, FIELDS, STAGE, required
from .operators import operator
from .typos import typo

CLOSED = ("spec", "stage", "input", "axis", "param", "block", "default", "output", "init", "inits", "distribution")
CLOSED += ("train", "section", "budget", "passed")
"""Roles whose keys are fields: no other key is allowed."""


def block_name_used(doc: Document, name: str) -> list[Mapping]:
    """The stages that use a block."""
    return [m for m in doc.mappings if m.role == "stage" and m.label == name]


@operator("field dropped", "A0102")
def drop_field(doc: Document, random: Random) -> Iterator[object]:
    for stage in doc.mappings:
        if stage.role != "stage":
            continue
        for name in required(stage, doc):
            yield doc.remove(stage.fields[name]), stage.place, stage.fields["type"].place


@operator("type dropped", "A0102")
def drop_type(doc: Document, random: Random) -> Iterator[object]:
    for stage in doc.mappings:
        if stage.role == "stage" and "type" in stage.fields and len(stage.fields) > 1:
            keys = [one.place for one in stage.fields.values() if one.name != "type"]
            yield doc.remove(stage.fields["type"]), stage.place, keys[0]


@operator("section dropped", "A0102", "A0109")
def drop_section(doc: Document, random: Random) -> Iterator[object]:
    keys = ["extends", "archc", "name"] if doc.is_variant else ["archc", "name", "input", "stages"]
    for key in keys if not doc.is_variant else ["extends"] if "stages" not in doc.spec.fields else []:
        if key in doc.spec.fields:
            first = next(one for one in doc.spec.fields.values() if one.name != key)
            upto = [one.place for one in doc.spec.fields.values() if one.name == "upto" and key == "extends"]
            yield doc.remove(doc.spec.fields[key]), doc.spec.place, first.place, *upto


@operator("entry dropped", "A0102", "A0109", "A0504")
def drop_entry(doc: Document, random: Random) -> Iterator[object]:
    needed = {"output": ("from",), "section": ("type", "lr"), "param": ("type",), "block": ("stages",)}
    needed |= {"train": ("data", "batch_size", "epochs", "optimizer"), "axis": ("default",)}
    for m in doc.mappings:
        names = needed.get(m.role, ())
        if m.role == "input" and not doc.is_variant:
            names = tuple(name for name in m.fields if name != "depth")
        for name in names:
            if name in m.fields:
                around = next((f for f in doc.fields if f.value is m.node), None)
                places = (m.place, *([around.place] if around else []))
                if m.role == "section" and name != "type":
                    places = (*places, m.fields["type"].place)
                yield (doc.remove(m.fields[name]), *places)


@operator("key doubled", "A0005")
def double_key(doc: Document, random: Random) -> Iterator[object]:
    for one in doc.fields:
        if "\n" not in doc.source(one.value):
            yield doc.add(one.owner, f"{doc.source(one.key)}: {doc.source(one.value)}"), one.place


@operator("key misspelt", "A0101", "A0105", "A0507", "A0102")
def misspell_key(doc: Document, random: Random) -> Iterator[object]:
    for one in doc.of(*CLOSED, "defaults", "expect"):
        if doc.is_variant and one.owner.role == "axis":
            continue
        wrong = typo(one.name, random, set(one.owner.fields))
        if wrong and not (one.owner.role == "expect" and "." in one.name):
            yield doc.set_key(one, wrong)


@operator("param's name misspelt", "A0202", "A0206", "A0101")
def misspell_param(doc: Document, random: Random) -> Iterator[object]:
    for one in doc.of("params"):
        wrong = typo(one.name, random, set(one.owner.fields))
        uses = params_used(doc, one)
        if wrong and wrong.isidentifier() and (uses or (doc.is_variant and "stages" not in doc.spec.fields)):
            yield doc.set_key(one, wrong), *uses


def params_used(doc: Document, one: Field) -> list[int]:
    """Where the scope of a param uses it."""
    import re

    import yaml

    word = re.compile(r"\$" + one.name + r"\b|\$\{[^}]*\b" + one.name + r"\b")
    found = []
    for field in doc.fields:
        if isinstance(field.value, yaml.CollectionNode) and not field.value.flow_style:
            continue
        if isinstance(field.value, yaml.MappingNode) or (field.owner.scope != one.owner.scope):
            continue
        if field.owner.role not in ("default", "inits", "distribution") and word.search(doc.source(field.value)):
            found.append(field.place)
    return found


@operator("argument misspelt", "A0101")
def misspell_argument(doc: Document, random: Random) -> Iterator[object]:
    for one in doc.of("stage", "passed"):
        if one.name not in STAGE:
            wrong = typo(one.name, random, {*one.owner.fields, *FIELDS.get(one.owner.label, [])})
            if wrong:
                yield doc.set_key(one, wrong)


@operator("inferred field", "A0101")
def inferred_field(doc: Document, random: Random) -> Iterator[object]:
    names = {"conv": "in_channels: 64", "linear": "in_features: 512", "batch_norm": "num_features: 64"}
    names |= {"conv_norm_act": "in_channels: 3", "residual": "in_channels: 64", "group_norm": "num_channels: 64"}
    for m in doc.mappings:
        if m.role == "stage" and m.label in names:
            yield doc.add(m, names[m.label])


@operator("foreign field", "A0101")
def foreign_field(doc: Document, random: Random) -> Iterator[object]:
    strange = {"padding_mode": "zeros", "inplace": "true", "dtype": "float32", "args": "[64, 3]", "activation": "relu"}
    strange |= {"number": "3", "device": "cuda", "units": "64", "input_shape": "[3, 32, 32]", "id": "7"}
    for m in doc.mappings:
        if m.role in ("stage", "spec", "input", "block", "train", "section", "axis", "param", "output"):
            key = random.choice(list(strange))
            yield doc.add(m, f"{key}: {strange[key]}")


@operator("field of another type", "A0101")
def other_types_field(doc: Document, random: Random) -> Iterator[object]:
    for m in doc.mappings:
        if m.role != "stage" or m.label not in BUILT_IN:
            continue
        others = [f for f in ("out_channels", "out_features", "eps", "p", "ceil_mode") if f not in FIELDS[m.label]]
        yield doc.add(m, f"{random.choice(others)}: 1")


@operator("key in other words", "A0101")
def other_words(doc: Document, random: Random) -> Iterator[object]:
    words = {"out_channels": ("filters", "channels_out", "ch", "n_filters"), "kernel_size": ("kernel", "k", "ksize")}
    words |= {"stride": ("strides", "s"), "padding": ("pad",), "out_features": ("units", "features", "out")}
    words |= {"p": ("rate", "prob"), "type": ("kind", "module", "op", "layer")}
    for one in doc.of("stage"):
        if one.name in words and (one.name == "type" or one.owner.label in BUILT_IN):
            yield doc.set_key(one, random.choice(words[one.name]))


@operator("key not a word", "A0006", syntax=True)
def key_not_a_word(doc: Document, random: Random) -> Iterator[object]:
    for one in doc.of("stage", "train", "params", "outputs"):
        yield doc.set_key(one, random.choice(["1", "2.5", "true", "null", "[a, b]", "? a"][:4]))


def line_of(edit: Edit) -> int:
    """The first offset of an edit."""
    return edit.start
