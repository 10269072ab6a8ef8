"""Stages as JSON Schema: a closed object for each type, with the fields that every stage has copied in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from archc.blocks.library import Type
from archc.blocks.primitives import Primitive
from archc.ir.distributions import CHOICES, DISTRIBUTIONS
from archc.lower.expect import SIZE
from archc.lower.init import typical_op
from archc.lower.stages import REPEAT
from archc.schema.fields import (
    BLOCK,
    NAME,
    NAME_RULE,
    PART_OF_BLOCK,
    TEXT_WITH_EXPRESSION,
    Schema,
    bounds,
    chosen,
    closed,
    expression_or,
    field_schema,
    with_type,
)
from archc.spec.model import STAGE_FIELDS, Definition

SIZES: Final = {
    "anyOf": [
        {"type": "array", "items": {**expression_or("integer", **bounds(SIZE)), "type": ["string", "integer", "null"]}}
    ]
}
"""A claim about a shape. An editor would begin a list, or an object, if it did not stand in `anyOf`."""
GROUP_FIELDS: Final = tuple(key for key in STAGE_FIELDS if key not in ("type", "names"))


def stage_schemas(types: Sequence[Type], primitives: Mapping[str, Primitive]) -> Schema:
    """The `$defs` of the schema."""
    tensors = {name: found for name, primitive in primitives.items() if (found := tensor_names(primitive))}
    return {
        "stages": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/stage"}},
        "stage": _stage(types),
        "needs": _needs(types),
        "known_types": known_types(types),
        "type_name": type_name(types),
        **{f"stage.{key}": schema for key, schema in _common().items()},
        "group": _group(),
        **{f"type.{type_.name}": _use(type_, tensors) for type_ in types},
        **{f"block.{type_.name}": _value(type_) for type_ in types},
        "block": {
            "allOf": [PART_OF_BLOCK],
            "if": {"type": "object"},
            "then": {"required": ["type"]},
        },
        "part_of_block": _block(types),
        **{f"init.{name}": _tensors(names) for name, names in tensors.items()},
        "init": _init(tensors),
        "distribution": distribution(),
    }


def tensor_names(primitive: Primitive) -> list[str]:
    """The tensors that `init` can name."""
    return [tensor.name or "weight" for tensor in typical_op(primitive).tensors() if tensor.trainable]


def type_name(types: Sequence[Type]) -> Schema:
    """The types, each with what it is, and any other word: a spec's own block, or a block parameter."""
    known = {"enum": [type_.name for type_ in types], "enumDescriptions": [type_.doc for type_ in types]}
    return {"description": STAGE_FIELDS["type"], "type": "string", "anyOf": [known, {}]}


def known_types(types: Sequence[Type]) -> Schema:
    """The types as an editor offers them, where `enum` would list all of them in each description that it shows."""
    return {"defaultSnippets": [{"label": t.name, "description": t.doc, "body": t.name} for t in types]}


def own_fields(type_: Type, block: Schema = BLOCK) -> dict[str, Schema]:
    """References to the fields of a type; those of kind block as `block` has them."""
    return {
        param.name: block if param.kind == "block" and block is not BLOCK else _field(type_.name, param.name)
        for param in type_.params
    }


def _field(type_: str, name: str) -> Schema:
    return {"$ref": f"#/$defs/block.{type_}/properties/{name}"}


def children(type_: Type) -> Schema | None:
    """`names` of a block: a new name for each child; None for a type that has none."""
    if isinstance(type_, Primitive):
        return None
    names = [str(stage.name.value) for stage in type_.stages if stage.name is not None]
    new = {"type": ["string", "integer"]}
    return {"type": "object", "properties": dict.fromkeys(names, new), "additionalProperties": False}


# -- stages -------------------------------------------------------------------------------------------------------------


def _common() -> dict[str, Schema]:
    """The fields that every stage has; `init` and `names` depend on the type."""
    reference = {"type": "string"}
    schemas: dict[str, Schema] = {
        "name": {"type": "string", "pattern": rf"{NAME}|{TEXT_WITH_EXPRESSION}", "patternErrorMessage": NAME_RULE},
        "repeat": expression_or("integer", **bounds(REPEAT)),
        "from": {"type": ["string", "array"], "minItems": 1, "allOf": [{"items": reference}]},
        "when": expression_or("boolean"),
        "inline": {"type": "boolean", "default": False},
        "expect": SIZES,
        "doc": {"type": "string"},
    }
    return {key: {"description": STAGE_FIELDS[key], **schema} for key, schema in schemas.items()}


def _copied(init: Schema | None, names: Schema | None) -> dict[str, Schema]:
    """The common fields, in the order of the language."""
    special = {"init": init, "names": names}
    found: dict[str, Schema] = {}
    for key in GROUP_FIELDS if names is None else STAGE_FIELDS:
        if key in special:
            schema = special[key]
            if schema is not None:
                found[key] = {"description": STAGE_FIELDS[key], "anyOf": [schema]}
        elif key not in ("type", "stages"):
            found[key] = {"$ref": f"#/$defs/stage.{key}"}
    return found


def _stage(types: Sequence[Type]) -> Schema:
    known = [type_.name for type_ in types]
    either = [with_type(*known), {"not": {"required": ["type"]}, "required": ["stages"]}]
    anything: Schema = {"type": "object"}
    return {
        "title": "stage",
        "description": "a use of a type, or a group with stages of its own",
        "type": "object",
        "anyOf": [{"required": ["type"]}, {"required": ["stages"]}],
        "allOf": [
            *chosen({name: {"$ref": f"#/$defs/type.{name}"} for name in known}),
            {"if": either[1], "then": {"$ref": "#/$defs/group"}},
            {
                "if": {"not": {"anyOf": either}},
                "then": {
                    "properties": {
                        "type": {"$ref": "#/$defs/type_name"},
                        **_copied(anything, anything),
                        "stages": {"$ref": "#/$defs/stages"},
                    }
                },
            },
        ],
    }


def _group() -> Schema:
    told = "a list of stages that is one module"
    stages = {"description": STAGE_FIELDS["stages"], "$ref": "#/$defs/stages"}
    return closed("group", told, {**_copied({"$ref": "#/$defs/init"}, None), "stages": stages})


def _use(type_: Type, tensors: Mapping[str, list[str]]) -> Schema:
    name = type_.name
    init = {"$ref": f"#/$defs/init.{name}"} if name in tensors else None
    if isinstance(type_, Definition):
        init = {"$ref": "#/$defs/init"}
    properties = {
        "type": _field(name, "type"),
        **own_fields(type_),
        **_copied(init, children(type_)),
    }
    return closed(name, type_.doc, properties)


def _chosen_type(type_: Type) -> Schema:
    return {"type": "string", "description": type_.doc, "allOf": [{"$ref": "#/$defs/known_types"}]}


def _needs(types: Sequence[Type]) -> Schema:
    """The fields without a default, which must be given where no `defaults` and no extended spec can."""
    required = {type_.name: [param.name for param in type_.params if param.required] for type_ in types}
    rules = chosen({name: {"required": names} for name, names in required.items() if names})
    # the condition keeps `stages` from being offered as a field of every stage
    group = {"if": {"required": ["stages"]}, "then": {"properties": {"stages": {"$ref": "#/$defs/needs"}}}}
    return {"items": {"allOf": [group, *rules]}}


def _value(type_: Type) -> Schema:
    """A type with some of its fields: here they are spelt out, a stage and `defaults` refer to them."""
    fields = {param.name: field_schema(param) for param in type_.params}
    return closed(type_.name, type_.doc, {"type": _chosen_type(type_), **fields})


def _block(types: Sequence[Type]) -> Schema:
    """A block as a value: a type, `none`, or a type with some of its fields."""
    uses = {type_.name: {"$ref": f"#/$defs/block.{type_.name}"} for type_ in types}
    nothing = {"label": "none", "description": "no block: the stage is not there", "body": "none"}
    known = {"$ref": "#/$defs/known_types"}
    type_ = {"type": "string", "allOf": [known]}
    word = {"type": ["string", "null"], "allOf": [known], "defaultSnippets": [nothing]}
    return {"anyOf": [word, {"type": "object", "allOf": [{"properties": {"type": type_}}, *chosen(uses)]}]}


# -- init ---------------------------------------------------------------------------------------------------------------


def _tensors(names: list[str]) -> Schema:
    properties = {name: {"$ref": "#/$defs/distribution"} for name in names}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _init(tensors: Mapping[str, list[str]]) -> Schema:
    properties = {name: {"$ref": f"#/$defs/init.{name}"} for name in tensors}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def distribution() -> Schema:
    """What a tensor is drawn from: a distribution, or one with its constants."""
    told = "what the tensor is drawn from"
    names = {"enum": [*DISTRIBUTIONS, "none"]}
    uses = {
        name: {
            "properties": {"type": {"enum": [*DISTRIBUTIONS]}, **{key: _constant(key, name) for key in constants}},
            "additionalProperties": False,
        }
        for name, constants in DISTRIBUTIONS.items()
    }
    fields = {
        "type": "object",
        "properties": {"type": {"anyOf": [{"enum": [*DISTRIBUTIONS]}, _word()]}},
        "allOf": chosen(uses),
    }
    return {"description": told, "anyOf": [names, {"type": "null"}, _word(), fields]}


def _constant(key: str, name: str) -> Schema:
    default = DISTRIBUTIONS[name][key]
    values = {"anyOf": [{"enum": [*CHOICES[key]]}, _word()]} if key in CHOICES else expression_or("number")
    return values if default is None else {**values, "default": default}


def _word() -> Schema:
    return {"type": "string", "pattern": TEXT_WITH_EXPRESSION}
