"""The language as a JSON Schema (2020-12), for editors: made of the tables and definitions that the validator uses.

Whatever it refuses, the validator refuses; what needs shapes, paths or values of expressions only the validator sees.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from archc.blocks.library import Library
from archc.blocks.primitives import PRIMITIVES
from archc.diagnostics import Report
from archc.schema.fields import Schema, value_schemas
from archc.schema.sections import other_params, required_everywhere, sections
from archc.schema.stages import stage_schemas
from archc.spec.model import Definition

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def json_schema(own: Iterable[Definition] = (), installed: bool = True) -> Schema:
    """The schema of specs: every type that ships, those of installed packages, and `own`."""
    library = Library({definition.name: definition for definition in own}, Report())
    names = library.names() if installed else [name for name in library.names() if name not in library.installed]
    types = [found for found in map(library.find, names) if found is not None]
    params = [*(param for type_ in types for param in type_.params), *other_params()]
    built_in = [name for name in names if library.is_built_in(name)]
    return {
        "$schema": DIALECT,
        "title": "archc",
        "description": "a neural network as a spec of archc",
        "type": "object",
        "properties": sections(types, built_in),
        "additionalProperties": False,
        "dependentRequired": {"upto": ["extends"]},
        "if": {"required": ["extends"]},
        "else": required_everywhere(),
        "allOf": [
            {
                "if": {"not": {"anyOf": [{"required": ["extends"]}, {"required": ["defaults"]}]}},
                "then": {
                    "properties": {
                        "stages": {"$ref": "#/$defs/needs"},
                        "blocks": {"additionalProperties": {"properties": {"stages": {"$ref": "#/$defs/needs"}}}},
                    }
                },
            }
        ],
        "$defs": stage_schemas(types, PRIMITIVES) | value_schemas(params),
    }


def to_text(schema: Schema) -> str:
    """The schema as text, the same on every machine; a line for each definition and for each section of a spec."""
    parts = []
    for key, value in schema.items():
        if key in ("properties", "$defs"):
            rows = ",\n  ".join(f"{_compact(name)}: {_compact(inner)}" for name, inner in value.items())
            parts.append(f"{_compact(key)}: {{\n  {rows}\n }}")
        else:
            parts.append(f"{_compact(key)}: {_compact(value)}")
    return "{\n " + ",\n ".join(parts) + "\n}\n"


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
