"""Puts a fault in place, and takes it out again: a function is compiled anew from its changed text."""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

from .faults import Fault


@contextmanager
def planted(fault: Fault) -> Iterator[None]:
    """The fault, wherever its function is known by name or stands in a table. Raises AssertionError for a stale one."""
    module = import_module(fault.module)
    owner, name = owner_of(module, fault.function)
    good = vars(owner)[name]
    text = textwrap.dedent(inspect.getsource(good))
    assert text.count(fault.old) >= 1, f"{fault.name}: {fault.function} has no {fault.old!r}"
    scope: dict[str, Any] = {}
    tables = [table for known in modules() for table in vars(known).values() if type(table) is dict]
    before = [(table, dict(table)) for table in tables]
    exec(
        compile(text.replace(fault.old, fault.new, 1), f"<{fault.name}>", "exec", dont_inherit=False),
        vars(module),
        scope,
    )
    bad = scope[name]
    places = [(owner, name)] + [(m, key) for m in modules() for key, value in list(vars(m).items()) if value is good]
    for place, key in places:
        setattr(place, key, bad)
    for table in tables:
        table.update({key: bad for key, value in table.items() if value is good})
    try:
        yield
    finally:
        for place, key in places:
            setattr(place, key, good)
        for table, content in before:
            table.clear()
            table.update(content)


def owner_of(module: ModuleType, function: str) -> tuple[Any, str]:
    """The class or module that holds a function, and its name there."""
    owner, _, name = function.rpartition(".")
    return (getattr(module, owner) if owner else module), name


def modules() -> list[ModuleType]:
    """The modules of archc that are imported."""
    return [module for name, module in list(sys.modules.items()) if name.partition(".")[0] == "archc"]
