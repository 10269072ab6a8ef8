"""The sections of a spec as JSON Schema: input, params, blocks, outputs, claims, `defaults`, `train`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from archc.blocks.library import Type
from archc.lower.aliases import PART
from archc.lower.budget import BATCH, MEASURES
from archc.lower.inputs import CHANNELS, SIZE
from archc.schema.fields import (
    NAME,
    NAME_RULE,
    PARAM_NAME,
    PART_OF_BLOCK,
    TEXT_WITH_EXPRESSION,
    Schema,
    bounds,
    chosen,
    closed_fields,
    expression_or,
    field_schema,
)
from archc.schema.profile import profile_schema
from archc.schema.stages import SIZES, children, own_fields
from archc.schema.train import train_needs, train_params, train_schema
from archc.spec.merge import DROPPABLE
from archc.spec.model import STAGE_FIELDS
from archc.spec.params import KINDS, Kind, Param
from archc.spec.parse import RESERVED, SPEC_FIELDS

INPUT: Final = {
    "channels": "channels of a picture, sequence or volume",
    "features": "how many numbers, where the input is a vector",
    "length": "elements of a sequence",
    "depth": "planes of a volume",
    "height": "rows",
    "width": "columns",
}
FORMS: Final = (("features",), ("channels", "length"), ("channels", "height", "width"))
AXIS: Final = {
    "min": "the smallest size that is allowed; 1 by default",
    "max": "the largest size that is allowed",
    "multiple_of": "what every size is a multiple of; 1 by default",
    "default": "the size that shapes are shown at",
}
PARAM: Final = {
    "type": "the kind of its values",
    "default": "its value where none is given; it must be given without one",
    "min": "the smallest value",
    "max": "the largest value",
    "choices": "the values that are allowed",
    "doc": "what it is",
}
PLAIN_KINDS: Final[tuple[Kind, ...]] = ("int", "float", "bool", "string", "sizes", "paddings", "ints", "floats")
DEFINITION: Final = {
    "doc": "what the block is",
    "params": "its parameters: a default for each, or `{type: KIND, default: ..., doc: ...}`",
    "inputs": "names of its inputs, where it has several",
    "stages": "its body",
}
OUTPUT: Final = {"from": "the stage that gives it", "only": "`training`: not there in inference"}
WORD: Final = {"type": "string"}


def other_params() -> list[Param]:
    """The parameters besides those of types, to whose kinds the sections refer."""
    return [*(Param("default", kind) for kind in PLAIN_KINDS), *train_params(), BATCH]


def sections(types: Sequence[Type], built_in: Sequence[str]) -> dict[str, Schema]:
    """The properties of a spec."""
    found: dict[str, Schema] = {
        "archc": {"const": 1, "default": 1},
        "extends": WORD,
        "upto": WORD,
        "name": {"type": "string", "pattern": NAME, "patternErrorMessage": NAME_RULE},
        "doc": WORD,
        "input": _input(),
        "params": _params(),
        "blocks": _blocks(built_in),
        "defaults": _or_dropped(_defaults(types)),
        "init": _or_dropped({"type": "object", "allOf": [{"$ref": "#/$defs/init"}]}),
        "stages": {"$ref": "#/$defs/stages"},
        "outputs": _outputs(),
        "expect": _or_dropped({"type": "object", "additionalProperties": SIZES}),
        "budget": _or_dropped(_object({**dict(map(_bound, MEASURES)), BATCH.name: field_schema(BATCH)})),
        "aliases": _or_dropped(_aliases()),
        "train": _or_dropped({"type": "object", "allOf": [train_schema()]}),
        "profile": profile_schema(_bound),
    }
    return {key: {"description": SPEC_FIELDS[key], **schema} for key, schema in found.items()}


def _or_dropped(schema: Schema) -> Schema:
    """A section that a variant may drop by `null`."""
    return {**schema, "type": [schema["type"], "null"]}


def _aliases() -> Schema:
    """Parts of names joined by `.`: older ones, and what they are today."""
    part = {"pattern": PART.pattern.replace(r"\Z", "$").join(("^", ""))}
    return {"type": "object", "propertyNames": part, "additionalProperties": WORD | part}


def _bound(measure: str) -> tuple[str, Schema]:
    """A bound of `budget`: a number, one with a unit, or an expression."""
    units = "|".join(MEASURES[measure])
    told = f"write a number, with a unit ({', '.join(MEASURES[measure])}) or without, or an expression"
    pattern = rf"{TEXT_WITH_EXPRESSION}|^\s*[0-9]+(\.[0-9]+)?([eE]\+?[0-9]+)? *({units})\s*$"
    return measure, {"type": ["string", "number"], "minimum": 0, "pattern": pattern, "patternErrorMessage": told}


def required_everywhere() -> Schema:
    """What a spec needs that extends no other; a variant may take it from there."""
    typed = {"if": {"type": "object"}, "then": {"required": ["type"]}}
    there = {"type": "object"}
    sized = {"if": {"type": "object"}, "then": {"required": ["default"]}}
    return {
        "required": ["archc", "name", "input", "stages"],
        "properties": {
            "input": {
                "anyOf": [{"required": list(form)} for form in FORMS],
                "properties": dict.fromkeys(("length", "depth", "height", "width"), sized),
            },
            "params": {"additionalProperties": typed},
            **dict.fromkeys(DROPPABLE, there),
            "train": there | train_needs(),
            "profile": {"type": ["string", "object"]},
        },
    }


def _object(properties: Mapping[str, Schema], docs: Mapping[str, str] | None = None) -> Schema:
    """A closed object. An editor would begin with its first field if they did not stand in `allOf`."""
    return {"type": "object", "allOf": [closed_fields(properties, docs)]}


def _input() -> Schema:
    size = bounds(SIZE)
    free = closed_fields(dict.fromkeys(AXIS, expression_or("integer", **size)), AXIS)
    axis = {**expression_or("integer", **size), "type": ["string", "integer", "object"], "allOf": [free]}
    counts = dict.fromkeys(("channels", "features"), expression_or("integer", **bounds(CHANNELS)))
    return _object({key: counts.get(key, axis) for key in INPUT}, INPUT)


def _params() -> Schema:
    """A param: a default, which gives its kind, or a declaration."""
    declared = _object(
        {
            "type": {"enum": list(KINDS)},
            "default": {},
            "min": {"type": "number"},
            "max": {"type": "number"},
            "choices": {"type": "array", "items": {"type": ["number", "string", "boolean", "null"]}},
            "doc": WORD,
        },
        PARAM,
    )
    names = {"pattern": PARAM_NAME, "not": {"enum": [*sorted(RESERVED), *STAGE_FIELDS]}}
    rules = chosen({kind: {"properties": {"default": _default_of(kind)}} for kind in PLAIN_KINDS})
    param = {"if": {"type": "object"}, "then": {**declared, "allOf": [*declared["allOf"], *rules]}}
    return {"type": "object", "propertyNames": names, "additionalProperties": param}


def _default_of(kind: Kind) -> Schema:
    return {"$ref": f"#/$defs/{kind}", "description": PARAM["default"]}


def _blocks(built_in: Sequence[str]) -> Schema:
    """Types of the spec's own, none of them called as one that ships."""
    names = {"pattern": NAME, "not": {"enum": ["none", *built_in]}}
    strict = {"additionalProperties": {"if": {"type": "object"}, "then": {"required": ["type"]}}}
    definition = _object(
        {
            "doc": WORD,
            "params": {**_params(), "allOf": [strict]},
            "inputs": {"anyOf": [{"type": "array", "items": {"type": "string", "pattern": NAME}}]},
            "stages": {"$ref": "#/$defs/stages"},
        },
        DEFINITION,
    )
    return {
        "type": "object",
        "propertyNames": names,
        "additionalProperties": {"title": "block", **definition, "required": ["stages"]},
    }


def _defaults(types: Sequence[Type]) -> Schema:
    """Fields of every use of a type; the spec's own blocks stay open."""
    properties = {}
    for type_ in types:
        names = children(type_)
        fields = own_fields(type_, PART_OF_BLOCK) | ({"names": names} if names is not None else {})
        properties[type_.name] = {"description": type_.doc, **_object(fields)}
    return {"type": "object", "properties": properties, "additionalProperties": {"type": "object"}}


def _outputs() -> Schema:
    only = {"const": "training"}
    output = {
        "type": ["string", "object"],
        "required": ["from"],
        "properties": {
            "from": {"description": OUTPUT["from"], **WORD},
            "only": {"description": OUTPUT["only"], **only},
        },
        "additionalProperties": False,
    }
    return {
        "type": ["object", "array"],
        "minItems": 1,
        "minProperties": 1,
        "propertyNames": {"pattern": "^[A-Za-z][A-Za-z0-9_]{0,63}$"},
        "additionalProperties": output,
        "allOf": [{"items": WORD}],
    }
