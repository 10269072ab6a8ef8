"""Expressions that do not parse, name nothing, or give what a field does not take."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import yaml

from .document import Document
from .keys import params_used
from .language import BUILT_IN, kind
from .operators import operator
from .typos import typo

BROKEN = (
    "${8 +}",
    "${(8}",
    "${8 8}",
    "${}",
    "${* 8}",
    "${8 // }",
    "${[1, 2}",
    "${8",
    "$",
    "${a.b}",
    "${2 ** 3}",
    "${1 < 2 < 3}",
)
FAILING = ("${1 / 0}", "${8 % 0}", "${[1, 2][5]}", "${min()}", "${sqrt(-1)}", "${8 + none}", "${len(8)}", "${8[0]}")
UNKNOWN = ("${wdith * 2}", "$undefined_thing", "${os}", "${num_clases9 + 1}", "${8 * unknwon}")
CALLS = ("${open(3)}", "${eval(3)}", "${int(3)}", "${pow(2, 3)}", "${log2(8)}")
NUMBERS = ("int", "sizes", "float")


def number_fields(doc: Document) -> Iterator[object]:
    """Fields of stages that take a number."""
    for one in doc.of("stage"):
        if kind(one, doc) in NUMBERS:
            yield one


@operator("broken expression", "A0201")
def broken(doc: Document, random: Random) -> Iterator[object]:
    for one in number_fields(doc):
        yield doc.set_value(one, f'"{random.choice(BROKEN)}"'), one.place


@operator("unknown function", "A0201")
def unknown_function(doc: Document, random: Random) -> Iterator[object]:
    for one in number_fields(doc):
        yield doc.set_value(one, f'"{random.choice(CALLS)}"'), one.place


@operator("unknown variable", "A0202")
def unknown_variable(doc: Document, random: Random) -> Iterator[object]:
    for one in number_fields(doc):
        yield doc.set_value(one, f'"{random.choice(UNKNOWN)}"'), one.place


@operator("variable misspelt", "A0202")
def misspelt_variable(doc: Document, random: Random) -> Iterator[object]:
    for one in doc.of("stage"):
        if isinstance(one.value, yaml.ScalarNode) and one.value.value.startswith("$") and kind(one, doc) in NUMBERS:
            names = {f.name for f in doc.of("params") if f.owner.scope == one.owner.scope}
            text = one.value.value
            found = [name for name in names if f"${name}" in text or f"{name}" in text.strip("${}").split()]
            if found:
                name = random.choice(sorted(found))
                wrong = typo(name, random, names)
                if wrong and wrong.isidentifier():
                    yield doc.set_value(one, f'"{text.replace(name, wrong, 1)}"'), one.place


@operator("failing expression", "A0203")
def failing(doc: Document, random: Random) -> Iterator[object]:
    for one in number_fields(doc):
        yield doc.set_value(one, f'"{random.choice(FAILING)}"'), one.place


@operator("not a whole number", "A0204")
def not_whole(doc: Document, random: Random) -> Iterator[object]:
    for one in doc.of("stage"):
        if kind(one, doc) in ("int", "sizes") and one.owner.label in BUILT_IN:
            yield doc.set_value(one, '"${7 / 2}"'), one.place


@operator("unavailable variable", "A0205")
def unavailable(doc: Document, random: Random) -> Iterator[object]:
    for one in doc.of("stage"):
        inside = one.owner.list is not None and one.owner.list.is_top
        if kind(one, doc) in NUMBERS and inside and "repeat" not in one.owner.fields:
            yield doc.set_value(one, "$i"), one.place


@operator("unquoted expression", "A0007", syntax=True)
def unquoted(doc: Document, random: Random) -> Iterator[object]:
    for one in doc.of("stage"):
        if kind(one, doc) in NUMBERS and one.owner.node.flow_style:
            yield doc.set_value(one, random.choice(["${2 * 64}", "${64}", "${width // 2}"])), one.place


@operator("param of a wrong kind")
def wrong_param(doc: Document, random: Random) -> Iterator[object]:
    """A number that uses need, given as a word; it stands where it is declared, and shows where it is used."""
    for one in doc.of("params"):
        uses = [f for f in number_fields(doc) if isinstance(f.value, yaml.ScalarNode)]
        uses = [f for f in uses if f.value.value == f"${one.name}" and f.owner.scope == one.owner.scope]
        if uses and not one.owner.scope and isinstance(one.value, yaml.ScalarNode) and one.value.value.isdigit():
            yield doc.set_value(one, random.choice(["many", '"10"', "[1, 2]", "null"])), one.place


@operator("param's default of a wrong kind", "A0103", "A0104")
def wrong_declared(doc: Document, random: Random) -> Iterator[object]:
    wrong = {"int": ("many", '"8"', "true", "[a]"), "float": ("half", '"0.5"', "true"), "bool": ("3", "maybe")}
    wrong |= {"string": ("3", "true"), "ints": ("3", "[a]"), "block": ("3", "true")}
    for m in doc.mappings:
        is_plain = not m.text("default").startswith("$")
        if m.role == "param" and "default" in m.fields and m.text("type") in wrong and is_plain:
            yield (
                doc.set_value(m.fields["default"], random.choice(wrong[m.text("type")])),
                m.fields["default"].place,
            )


@operator("param removed", "A0202", "A0206")
def param_removed(doc: Document, random: Random) -> Iterator[object]:
    """Its uses have lost it."""
    for one in doc.of("params"):
        uses = params_used(doc, one)
        if uses and not doc.is_variant and not (one.owner.scope and len(one.owner.fields) == 1):
            passed = [
                m.fields[one.name].place
                for m in doc.mappings
                if m.role == "stage" and m.label == one.owner.scope and one.name in m.fields
            ]
            if not passed:
                yield doc.remove(one), *uses
