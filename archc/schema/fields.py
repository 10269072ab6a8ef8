"""One field as JSON Schema: its kind, bounds, default and description."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from archc.source import Mapping as TreeMapping
from archc.source import Scalar, Sequence
from archc.spec.params import Kind, Param, Required

Schema = dict[str, Any]

EXPRESSION: Final = r"^\$"
"""A value that is one expression."""
TEXT_WITH_EXPRESSION: Final = r"\$"
NAME: Final = r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$"
NAME_RULE: Final = "a name is a letter or _, then letters, digits, _ and -, at most 64"
PARAM_NAME: Final = "^[A-Za-z_][A-Za-z0-9_]*$"

BLOCK: Final = {"$ref": "#/$defs/block"}
PART_OF_BLOCK: Final = {"$ref": "#/$defs/part_of_block"}
"""In `defaults` of a variant a block may stand without its type, which the extended spec gives."""


def expression_or(type_: str, **more: Any) -> Schema:
    """A value of a JSON type, or a string that begins with `$`."""
    told = f"write {_ARTICLES[type_]}, or an expression that begins with $"
    return {"type": ["string", type_], "pattern": EXPRESSION, "patternErrorMessage": told, **more}


_ARTICLES: Final = {"integer": "an int", "number": "a number", "boolean": "true or false", "array": "a list"}


def field_schema(param: Param) -> Schema:
    """What a field may hold: what its kind and bounds allow, its description, its default if that can be written."""
    schema: Schema = _choice(param) if _has_choices(param) else {"$ref": f"#/$defs/{value_name(param)}"}
    told = description(param)
    if told:
        schema["description"] = told
    default = literal(param.default)
    if default is not None:
        schema["default"] = default[0]
    return schema


def _has_choices(param: Param) -> bool:
    """Whether the choices are all that a field may hold; a list of equal sizes, say, stands for one of them too."""
    return bool(param.choices) and param.kind in ("int", "float", "bool", "string", "any")


def _choice(param: Param) -> Schema:
    known = (choice for choice in param.choices if choice is None or isinstance(choice, (int, float, str)))
    pattern = TEXT_WITH_EXPRESSION if param.kind in ("string", "any") else EXPRESSION
    return {"anyOf": [{"enum": [*known]}, {"type": "string", "pattern": pattern}]}


def value_name(param: Param) -> str:
    """The name in `$defs` of what a parameter's kind and bounds allow."""
    if param.kind == "block":
        return "block"
    words = {"from": param.min, "above": param.above, "to": param.max}
    return "_".join([param.kind, *(f"{word}_{number:g}" for word, number in words.items() if number is not None)])


def value_schemas(params: Iterable[Param]) -> dict[str, Schema]:
    """The `$defs` that the fields of `params` refer to."""
    return {
        value_name(param): _KINDS[param.kind](bounds(param))
        for param in params
        if param.kind != "block" and not _has_choices(param)
    }


def bounds(param: Param) -> Schema:
    """The bounds of a parameter's numbers."""
    found = {"minimum": param.min, "maximum": param.max, "exclusiveMinimum": param.above}
    return {key: _short(value) for key, value in found.items() if value is not None}


def _short(number: float) -> float:
    return int(number) if float(number).is_integer() else number


def _sizes(limits: Schema, **length: int) -> Schema:
    schema = expression_or("integer", **limits)
    told = "write an int, a list of ints, or an expression that begins with $"
    items = {"items": expression_or("integer", **limits), **length}
    # an editor would begin a list if `items` stood beside `type`
    return {**schema, "type": ["string", "integer", "array"], "patternErrorMessage": told, "allOf": [items]}


def _list(type_: str, limits: Schema) -> Schema:
    return expression_or("array", allOf=[{"items": expression_or(type_, **limits)}])


_KINDS: Final[Mapping[Kind, Callable[[Schema], Schema]]] = {
    "int": lambda limits: expression_or("integer", **limits),
    "float": lambda limits: expression_or("number", **limits),
    "bool": lambda limits: expression_or("boolean"),
    "string": lambda limits: {"type": "string"},
    "sizes": lambda limits: _sizes(limits, minItems=1, maxItems=3),
    "paddings": _sizes,
    "ints": lambda limits: _list("integer", limits),
    "floats": lambda limits: _list("number", limits),
    "any": lambda limits: {"type": ["string", "number", "boolean", "null", "array"]},
}


def literal(default: object) -> tuple[object] | None:
    """A default that can be written as it stands, in a tuple; None for an expression, a mapping, or where there is none."""
    if default is None or isinstance(default, (Required, TreeMapping)):
        return None
    if isinstance(default, Scalar):
        return literal("none" if default.value is None else default.value)
    if isinstance(default, Sequence):
        items = [literal(item) for item in default.items]
        return None if None in items else ([item[0] for item in items if item],)
    if isinstance(default, str) and "$" in default:
        return None
    if isinstance(default, float):
        return (_short(default),)
    return (list(default) if isinstance(default, tuple) else default,)


def description(param: Param) -> str:
    """What a field is, whether it must be given, and its bounds, in one line."""
    told = [_default(param.default)]
    told += [f"at least {param.min:g}"] if param.min is not None else []
    told += [f"above {param.above:g}"] if param.above is not None else []
    told += [f"at most {param.max:g}"] if param.max is not None else []
    return f"{param.doc} ({', '.join(told)})".strip()


def _default(default: object) -> str:
    if isinstance(default, Required):
        return "required"
    return "optional" if default is None else f"default {_written(default)}"


def _written(value: object) -> str:
    """A default as the language writes it."""
    if isinstance(value, Scalar):
        return _written(value.value)
    if isinstance(value, Sequence):
        return "[" + ", ".join(_written(item) for item in value.items) + "]"
    if isinstance(value, TreeMapping):
        return "{" + ", ".join(f"{key}: {_written(entry.value)}" for key, entry in value.entries.items()) + "}"
    if value is None or isinstance(value, bool):
        return "none" if value is None else str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def closed(title: str, told: str, properties: Mapping[str, Schema]) -> Schema:
    """An object with these fields and no others."""
    return {"title": title, "description": told, "properties": dict(properties), "additionalProperties": False}


def closed_fields(properties: Mapping[str, Schema], docs: Mapping[str, str] | None = None) -> Schema:
    """What an object may hold, if the value is one: these fields with their descriptions, and no others."""
    told = docs or {}
    described = {
        key: {"description": told[key], **schema} if key in told else schema for key, schema in properties.items()
    }
    return {"properties": described, "additionalProperties": False}


def chosen(schemas: Mapping[str, Schema]) -> list[Schema]:
    """For each value of `type` the schema that it chooses."""
    return [{"if": with_type(name), "then": schema} for name, schema in schemas.items()]


def with_type(*names: str) -> Schema:
    """An object whose `type` is one of `names`."""
    value = {"const": names[0]} if len(names) == 1 else {"enum": list(names)}
    return {"type": "object", "required": ["type"], "properties": {"type": value}}
