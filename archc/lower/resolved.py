"""A spec with everything filled in: what a run keeps, so that it says the same whatever defaults become."""

from __future__ import annotations

from typing import Any

from archc.lower.record import Record
from archc.lower.train import Section, Train
from archc.spec.values import BlockRef, Value


def resolved(spec: dict[str, Any], record: Record) -> dict[str, Any]:
    """`spec`, plain data, with its params at their values and every field of `train:`."""
    found = dict(spec)
    if "params" in found:
        found["params"] = {name: _param(old, record.params[name].value) for name, old in spec["params"].items()}
    if record.train is not None:
        found["train"] = _train(record.train)
    return found


def _param(old: Any, value: Value) -> Any:
    if not isinstance(old, dict):
        return _plain(value)
    return {**old, "default": "none" if value is None and old.get("type") == "block" else _plain(value)}


def _train(train: Train) -> dict[str, Any]:
    fields = {name: _plain(given.value) for name, given in train.fields.items() if given.value is not None}
    sections = {name: _section(section) for name, section in train.sections.items() if section is not None}
    return {**sections, **fields}


def _section(section: Section) -> dict[str, Any]:
    fields = {name: _plain(given.value) for name, given in section.fields.items() if given.value is not None}
    weights = {name: _plain(given.value) for name, given in section.weights.items()}
    return {"type": section.type, **fields, **({"weights": weights} if weights else {})}


def _plain(value: Any) -> Any:
    if isinstance(value, BlockRef):
        fields = {name: _plain(bound.value) for name, bound in value.fields.items()}
        return {"type": value.type, **fields} if fields else value.type
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
