"""`profile:` as JSON Schema: the name of a file, or what a device takes."""

from __future__ import annotations

from collections.abc import Callable

from archc.lower.budget import MEASURES
from archc.schema.fields import Schema, closed_fields
from archc.spec.profile import BYTES, FIELDS, LIMITS


def profile_schema(bound: Callable[[str], tuple[str, Schema]]) -> Schema:
    """What `profile:` may hold; `bound` is the schema of one of a budget's measures."""
    word, flag, count = {"type": "string"}, {"type": "boolean"}, {"type": "integer", "minimum": 1}
    fields: dict[str, Schema] = {
        "archc_profile": {"const": 1},
        "name": word,
        "doc": word,
        "opset": count,
        "fold": flag,
        "precision": {"enum": list(BYTES)},
        "ops": {"type": "array", "items": word},
        "free_sizes": flag,
        **dict.fromkeys(LIMITS, count),
        "budget": {"type": "object", "allOf": [closed_fields(dict(map(bound, MEASURES)))]},
    }
    told = "name a file in .yaml or .yml, or write what the device takes"
    one = closed_fields({name: fields[name] for name in FIELDS}, FIELDS)
    return {
        "type": ["string", "object", "null"],
        "pattern": r"\.ya?ml$",
        "patternErrorMessage": told,
        "required": ["name"],
        "allOf": [one],
    }
