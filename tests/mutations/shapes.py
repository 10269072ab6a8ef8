"""Shapes that do not fit: claims, groups, windows, merges of other channels or sizes."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import yaml

from .document import Document, Field
from .operators import operator

MERGED = {
    ("examples/pyramid", "lateral4", "out_channels"): ('"${width + 1}"', ("sum4",)),
    ("examples/pyramid", "lateral3", "out_channels"): ("7", ("sum3",)),
    ("examples/pyramid", "up4", "scale_factor"): ("4", ("sum3",)),
    ("examples/unet", "up4", "from"): ("[middle, down3]", ()),
    ("examples/unet", "up3", "from"): ("[up4, down4]", ()),
    ("tests/data/specs/towers", "right", "stride"): ("1", ("mixed",)),
    ("tests/data/specs/towers", "right", "out_channels"): ("24", ("mixed",)),
    ("tests/data/specs/towers", "proj", "out_channels"): ("40", ("sum",)),
    ("tests/data/specs/towers", "up", "scale_factor"): ("3", ("sum",)),
    ("tests/data/specs/volume", "wide", "stride"): ("2", ("joined",)),
    ("tests/data/specs/volume", "narrow", "out_channels"): ("9", ("plus", "joined")),
    ("tests/data/specs/volume", "narrow", "kernel_size"): ("3", ("joined",)),
    ("tests/data/specs/volume", "second", "chunks"): ("3", ("gate",)),
}
"""Spec, stage, field: a value with which a merge fails, and the stages where that shows."""


def literal(one: Field) -> int:
    """A field's value where it is a plain int, else 0."""
    text = one.value.value if isinstance(one.value, yaml.ScalarNode) and one.value.style is None else ""
    return int(text) if text.isdigit() else 0


@operator("wrong claim", "A0505")
def wrong_claim(doc: Document, random: Random) -> Iterator[object]:
    for one in doc.fields:
        if (one.name == "expect" and one.owner.role == "stage") or one.owner.role == "expect":
            items = one.value.value if isinstance(one.value, yaml.SequenceNode) else []
            plain = [item for item in items if isinstance(item, yaml.ScalarNode) and item.value.isdigit()]
            if plain:
                node = random.choice(plain)
                at = items.index(node)
                texts = [doc.source(item) for item in items]
                texts[at] = str(int(node.value) + random.choice([1, 2, 7]))
                if random.random() < 0.1:
                    texts.append("1")
                yield doc.set_value(one, "[" + ", ".join(texts) + "]"), one.place


@operator("groups that do not divide", "A0302")
def uneven_groups(doc: Document, random: Random) -> Iterator[object]:
    for stage in doc.mappings:
        if stage.role == "stage" and stage.label == "conv" and "out_channels" in stage.fields:
            width = literal(stage.fields["out_channels"])
            divisor = next((d for d in (7, 11, 13) if width and width % d), 0)
            if divisor and "groups" in stage.fields:
                yield doc.set_value(stage.fields["groups"], str(divisor))
            elif divisor:
                yield doc.add(stage, f"groups: {divisor}")


@operator("window larger than the map", "A0303")
def large_window(doc: Document, random: Random) -> Iterator[object]:
    for one in doc.of("stage"):
        if one.name == "kernel_size" and one.owner.label in ("conv", "max_pool", "avg_pool"):
            yield doc.set_value(one, random.choice(["999", "1001"])), one.place


@operator("padding over half the window", "A0306")
def excessive_padding(doc: Document, random: Random) -> Iterator[object]:
    for stage in doc.mappings:
        if stage.role == "stage" and stage.label in ("max_pool", "avg_pool") and literal(stage.fields["kernel_size"]):
            wrong = str(literal(stage.fields["kernel_size"]) // 2 + 1)
            place = stage.fields["kernel_size"].place
            if "padding" in stage.fields:
                yield doc.set_value(stage.fields["padding"], wrong), stage.fields["padding"].place
            else:
                yield doc.add(stage, f"padding: {wrong}"), place


@operator("chunks that do not divide", "A0311", "A0302", "A0104")
def uneven_chunks(doc: Document, random: Random) -> Iterator[object]:
    for one in doc.of("stage"):
        if one.owner.label == "chunk" and one.name == "chunks":
            yield doc.set_value(one, "1009"), one.place
        if one.owner.label == "chunk" and one.name == "index":
            yield doc.set_value(one, "64"), one.place
        if one.owner.label in ("group_norm", "channel_shuffle") and one.name in ("num_groups", "groups"):
            yield doc.set_value(one, "1009"), one.place


@operator("linear on a map", "A0309")
def not_flattened(doc: Document, random: Random) -> Iterator[object]:
    """`flatten` replaced by an activation: the next linear layer of the list gets a map."""
    for stages in doc.lists:
        for at, stage in enumerate(stages.items[:-1]):
            rest = [s for s in stages.items[at + 1 :] if s.label in ("linear", "batch_norm", "dropout", "relu")]
            linear = next((s for s in rest if s.label == "linear"), None)
            is_plain = linear is not None and "from" not in linear.fields
            if stage.label == "flatten" and "expect" not in stage.fields and is_plain:
                yield (
                    doc.set_value(stage.fields["type"], "silu"),
                    stage.place,
                    linear.place,
                    linear.fields["type"].place,
                )


@operator("merge that does not fit", "A0304", "A0305")
def merge(doc: Document, random: Random) -> Iterator[object]:
    name = doc.name.partition("+")[0]
    top = next((stages for stages in doc.lists if stages.is_top), None)
    by_name = {stage.text("name"): stage for stage in (top.items if top else ())}
    for (spec, stage, field), (value, shows) in MERGED.items():
        if spec == name:
            found = by_name[stage].fields.get(field)
            places = [by_name[show].fields["from"].place for show in shows]
            places += [by_name[show].fields["type"].place for show in shows]
            edit = doc.set_value(found, value) if found else doc.add(by_name[stage], f"{field}: {value}")
            yield edit, *([found.place] if found else [by_name[stage].place]), *places


@operator("list of sizes of another length", "A0104", "A0103")
def sizes_of_another_length(doc: Document, random: Random) -> Iterator[object]:
    """Four sizes fit no input."""
    for one in doc.of("stage"):
        if one.name in ("kernel_size", "stride") and one.owner.label in ("conv", "max_pool", "avg_pool"):
            yield doc.set_value(one, "[3, 5, 3, 5]"), one.place
