"""References to what is not there: `from`, outputs, claims, `upto`, `extends`."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import yaml

from .document import Document, Field
from .edits import Edit
from .operators import operator
from .typos import typo


def scalars(one: Field) -> list[yaml.ScalarNode]:
    """The names in a `from` or an output."""
    items = one.value.value if isinstance(one.value, yaml.SequenceNode) else [one.value]
    return [item for item in items if isinstance(item, yaml.ScalarNode)]


def put(node: yaml.ScalarNode, new: str) -> Edit:
    """Another scalar in place of one."""
    return Edit(node.start_mark.index, node.end_mark.index, new, (0,))


def all_names(doc: Document) -> set[str]:
    """Every stage's name."""
    return {name for stages in doc.lists for name in stages.names()} | {"input", "x", "skip"}


@operator("reference misspelt", "A0401")
def misspelt_reference(doc: Document, random: Random) -> Iterator[object]:
    taken = all_names(doc)
    for one in doc.of("stage"):
        for node in scalars(one) if one.name == "from" else ():
            if not node.value.endswith("*"):
                yield put(node, typo(node.value, random, taken) or "nowhere")


@operator("forward reference", "A0402")
def forward_reference(doc: Document, random: Random) -> Iterator[object]:
    for stages in doc.lists:
        for at, stage in enumerate(stages.items):
            later = [s.text("name") for s in stages.items[at:] if s.text("name") and "$" not in s.text("name")]
            earlier = [s.text("name") for s in stages.items[:at]]
            later = [name for name in later if name not in earlier]
            if "from" in stage.fields and later:
                yield put(random.choice(scalars(stage.fields["from"])), random.choice(later))


@operator("reference into another list", "A0404", "A0401")
def crossing_reference(doc: Document, random: Random) -> Iterator[object]:
    for stages in doc.lists:
        here = {*stages.names(), "input", "x", "skip"}
        others = [n for other in doc.lists if other is not stages for n in other.names() if n not in here]
        others = [name for name in others if "$" not in name]
        for stage in stages.items:
            if "from" in stage.fields and others:
                yield put(random.choice(scalars(stage.fields["from"])), random.choice(others))


@operator("counted reference", "A0103")
def counted_reference(doc: Document, random: Random) -> Iterator[object]:
    for one in doc.of("stage"):
        for node in scalars(one) if one.name == "from" else ():
            yield put(node, random.choice(["-1", "0", "6", "2.5"]))


@operator("unknown output", "A0504")
def unknown_output(doc: Document, random: Random) -> Iterator[object]:
    taken = all_names(doc)
    for one in doc.of("outputs", "output"):
        if one.owner.role == "outputs" or one.name == "from":
            for node in scalars(one):
                yield put(node, typo(node.value, random, taken) or "nowhere")


@operator("unknown path", "A0507")
def unknown_path(doc: Document, random: Random) -> Iterator[object]:
    for one in doc.of("expect"):
        head, dot, rest = one.name.partition(".")
        yield doc.set_key(
            one, random.choice([f"{typo(head, random, all_names(doc)) or 'x9'}{dot}{rest}", f"{one.name}.q9"])
        )


@operator("unknown upto", "A0503")
def unknown_upto(doc: Document, random: Random) -> Iterator[object]:
    for one in doc.of("spec"):
        if one.name == "upto":
            yield doc.set_value(one, random.choice(["layer9", "layr4", "Layer4", "3", "[layer4]"]))


@operator("wrong extends", "A0501")
def wrong_extends(doc: Document, random: Random) -> Iterator[object]:
    for one in doc.of("spec"):
        if one.name == "extends":
            wrong = [typo(one.value.value.rpartition("/")[2], random), "resnet17", "../secret.yaml", "/etc/passwd"]
            wrong += ["missing.yaml", "families", "https://example.com/a.yaml", "resnet18.yml"]
            yield doc.set_value(one, random.choice([w for w in wrong if w]))


@operator("stage removed", "A0401", "A0504", "A0507", "A0404")
def removed_stage(doc: Document, random: Random) -> Iterator[object]:
    """A stage of the spec's list that a later one names: those that name it have lost it."""
    for stages in doc.lists:
        for at, stage in enumerate(stages.items):
            name = stage.text("name")
            users = [f for s in stages.items for f in s.fields.values() if f.name == "from"]
            users = [f for f in users if name in [n.value for n in scalars(f)]]
            if name and users and "$" not in name and at + 1 < len(stages.items) and name not in ("x", "skip"):
                if name in [s.text("name") for s in stages.items[:at]]:
                    continue
                start, stop = stage.node.start_mark.index, stages.items[at + 1].node.start_mark.index
                yield Edit(start, stop, ""), *(node.start_mark.index for f in users for node in scalars(f))
