"""`archc blocks [TYPE]`: the types of the language."""

from __future__ import annotations

import argparse

from archc.api import plain
from archc.blocks.library import Library, Type
from archc.blocks.primitives import Primitive
from archc.cli.common import problem, report
from archc.diagnostics import Report
from archc.spec.params import Param, Required, suggestion


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("type", metavar="TYPE", nargs="?", help="a type; all of them without it")


def run(options: argparse.Namespace) -> int:
    """Print the types, or the fields of one. 2: there is no such type."""
    library = Library({}, Report())
    if options.type is None:
        for title, kind in (("primitives (one op each)", True), ("blocks (definitions in the language)", False)):
            print(title)
            for name in library.names():
                found = library.find(name)
                if found is not None and isinstance(found, Primitive) is kind:
                    print(f"  {name:<20} {found.doc}")
        print("\n`archc blocks TYPE` shows a type's fields")
        return 0
    found = library.find(options.type)
    if found is None:
        help = suggestion(options.type, library.names(), "`archc blocks` lists them all")
        report([problem("A0105", f"there is no type `{options.type[:80]}`", "archc blocks", help)])
        return 2
    _fields(found)
    return 0


def _fields(found: Type) -> None:
    print(f"{found.name}: {found.doc}")
    inputs = () if isinstance(found, Primitive) else found.inputs
    if len(inputs) > 1:
        print(f"inputs: {', '.join(inputs)}")
    for param in found.params:
        print(f"  {param.name:<20} {param.kind:<9} {_default(param):<28} {param.doc}{_limits(param)}".rstrip())


def _default(param: Param) -> str:
    if isinstance(param.default, Required):
        return "required"
    value = plain(param.default) if hasattr(param.default, "span") else param.default  # type: ignore[arg-type]
    return "= none" if value is None else f"= {str(value).lower() if isinstance(value, bool) else value}"


def _limits(param: Param) -> str:
    return f" ({', '.join(str(choice) for choice in param.choices)})" if param.choices else ""
