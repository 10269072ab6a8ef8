"""The sections of a spec as JSON Schema: input, params, blocks, outputs, claims, `defaults`, `train`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from archc.blocks.library import Type
from archc.lower.claims import MEASURES
from archc.lower.inputs import CHANNELS, SIZE
from archc.schema.fields import (
    NAME,
    NAME_RULE,
    PARAM_NAME,
    PART_OF_BLOCK,
    Schema,
    bounds,
    chosen,
    expression_or,
    field_schema,
)
from archc.schema.stages import SIZES, children, own_fields
from archc.spec.model import STAGE_FIELDS
from archc.spec.params import KINDS, Kind, Param
from archc.spec.parse import RESERVED, SPEC_FIELDS
from archc.spec.train import FIELDS, REQUIRED, SECTIONS

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
    sections = [param for uses in SECTIONS.values() for params in uses.values() for param in params]
    return [*(Param("default", kind) for kind in PLAIN_KINDS), *FIELDS.values(), *sections]


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
        "defaults": _defaults(types),
        "init": {"$ref": "#/$defs/init"},
        "stages": {"$ref": "#/$defs/stages"},
        "outputs": _outputs(),
        "expect": {"type": "object", "additionalProperties": SIZES},
        "budget": _object({key: expression_or("number", minimum=0) for key in MEASURES}),
        "train": _train(),
    }
    return {key: {"description": SPEC_FIELDS[key], **schema} for key, schema in found.items()}


def required_everywhere() -> Schema:
    """What a spec needs that extends no other; a variant may take it from there."""
    typed = {"if": {"type": "object"}, "then": {"required": ["type"]}}
    sized = {"if": {"type": "object"}, "then": {"required": ["default"]}}
    return {
        "required": ["archc", "name", "input", "stages"],
        "properties": {
            "input": {
                "anyOf": [{"required": list(form)} for form in FORMS],
                "properties": dict.fromkeys(("length", "depth", "height", "width"), sized),
            },
            "params": {"additionalProperties": typed},
            "train": {
                "required": list(REQUIRED),
                "properties": {name: _required_of(uses) for name, uses in SECTIONS.items()},
            },
        },
    }


def _required_of(uses: Mapping[str, tuple[Param, ...]]) -> Schema:
    required = {name: [param.name for param in params if param.required] for name, params in uses.items()}
    rules = chosen({name: {"required": names} for name, names in required.items() if names})
    return {"required": ["type"], **({"allOf": rules} if rules else {})}


def _fields(properties: Mapping[str, Schema], docs: Mapping[str, str] | None = None) -> Schema:
    """What an object may hold, if the value is one: these fields with their descriptions, and no others."""
    told = docs or {}
    described = {
        key: {"description": told[key], **schema} if key in told else schema for key, schema in properties.items()
    }
    return {"properties": described, "additionalProperties": False}


def _object(properties: Mapping[str, Schema], docs: Mapping[str, str] | None = None) -> Schema:
    """A closed object. An editor would begin with its first field if they did not stand in `allOf`."""
    return {"type": "object", "allOf": [_fields(properties, docs)]}


def _input() -> Schema:
    size = bounds(SIZE)
    free = _fields(dict.fromkeys(AXIS, expression_or("integer", **size)), AXIS)
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


def _train() -> Schema:
    properties: dict[str, Schema] = {name: field_schema(param) for name, param in FIELDS.items()}
    for name, uses in SECTIONS.items():
        type_ = {"enum": list(uses)}
        rules = {
            key: _fields({"type": type_, **{p.name: field_schema(p) for p in found}}) for key, found in uses.items()
        }
        properties[name] = {"type": "object", "properties": {"type": type_}, "allOf": chosen(rules)}
    return _object(properties)
