"""`train:` as JSON Schema: its fields, and its sections with a `type`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from archc.schema.fields import TEXT_WITH_EXPRESSION, Schema, chosen, closed_fields, field_schema
from archc.spec.params import Param
from archc.spec.train import FIELDS, REQUIRED, SECTIONS, WEIGHT, WORDS

DOCS: Final = {
    "data": "what it trains on",
    "label": "how the label is encoded",
    "loss": "what is minimised",
    "optimizer": "how the weights are changed",
    "schedule": "how the learning rate changes",
}


def train_params() -> list[Param]:
    """The parameters of `train:`."""
    sections = [param for uses in SECTIONS.values() for params in uses.values() for param in params]
    return [*FIELDS.values(), *sections, WEIGHT]


def train_schema() -> Schema:
    """What `train:` may hold."""
    fields = {name: field_schema(param) for name, param in FIELDS.items()}
    sections = {name: {"description": DOCS[name], **_section(name)} for name in SECTIONS}
    return closed_fields(fields | sections)


def train_needs() -> Schema:
    """What `train:` must hold in a spec that extends no other."""
    return {"required": list(REQUIRED), "properties": {name: _needs(name) for name in SECTIONS}}


def _section(name: str) -> Schema:
    """A section: an object whose `type` chooses its fields, or for some the type alone."""
    word = _word(list(SECTIONS[name]))
    more = {"weights": _weights()} if name == "loss" else {}
    uses = {
        type_: closed_fields({"type": word, **{param.name: field_schema(param) for param in params}, **more})
        for type_, params in SECTIONS[name].items()
    }
    section = {"type": "object", "allOf": [{"properties": {"type": word}}, *chosen(uses)]}
    return {"anyOf": [word, section]} if name in WORDS else section


def _word(types: Sequence[str]) -> Schema:
    return {"anyOf": [{"enum": list(types)}, {"type": "string", "pattern": TEXT_WITH_EXPRESSION}]}


def _weights() -> Schema:
    told = "a factor for each output's loss, by the outputs' names"
    return {"description": told, "type": "object", "additionalProperties": field_schema(WEIGHT)}


def _needs(name: str) -> Schema:
    required = {key: [param.name for param in params if param.required] for key, params in SECTIONS[name].items()}
    rules = chosen({key: {"required": names} for key, names in required.items() if names})
    typed: Schema = {"if": {"type": "object"}, "then": {"required": ["type"]}}
    return {**typed, "allOf": rules} if rules else typed
