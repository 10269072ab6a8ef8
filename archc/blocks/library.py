"""Where types are looked up: primitives, the spec's own blocks, those that ship, those of installed packages."""

from __future__ import annotations

from functools import cache, cached_property
from pathlib import Path
from typing import Final

from archc.blocks.primitives import PRIMITIVES, Primitive
from archc.diagnostics import Report
from archc.source import Mapping, parse, read_file
from archc.spec.model import Definition
from archc.spec.parse import parse_definition
from archc.spec.reader import NAME

FOLDER: Final = Path(__file__).resolve().parent
ENTRY_POINTS: Final = "archc.blocks"

Type = Primitive | Definition


@cache
def shipped_blocks() -> dict[str, Path]:
    """Block name -> file, of every definition that ships."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.yaml"))}


@cache
def shipped_definition(name: str) -> Definition | None:
    """A definition that ships, read once however many specs use it; nothing is wrong with those."""
    report = Report()
    definition = read_definition(name, shipped_blocks()[name], f"archc/blocks/{name}.yaml", report)
    assert not len(report), f"archc/blocks/{name}.yaml is damaged: {[found.message for found in report]}"
    return definition


def read_definition(name: str, path: Path, shown: str, report: Report) -> Definition | None:
    """The definition in a file, with its mistakes in `report`."""
    file, found = read_file(path, shown, shipped=True)
    tree, faults = parse(file)
    report.extend([*found, *faults])
    return parse_definition(name, tree, report) if isinstance(tree, Mapping) else None


class Library:
    """The types that one spec can use. A shipped definition is read when it is first used.

    `is_open`: the spec may define types that could not be read, so that none is unknown for certain.
    """

    def __init__(self, own: dict[str, Definition], report: Report, is_open: bool = False) -> None:
        self.own = own
        self.is_open = is_open
        self.report = report
        self.read: dict[str, Definition | None] = {}

    def find(self, name: str, shipped: bool = False) -> Type | None:
        """The type of that name, or None; a shipped definition (`shipped`) means no type of the spec's own."""
        if name in self.own and not (shipped and self.is_built_in(name)):
            return self.own[name]
        if name in PRIMITIVES:
            return PRIMITIVES[name]
        if name not in self.read:
            self.read[name] = self._read(name)
        return self.read[name]

    def _read(self, name: str) -> Definition | None:
        if not NAME.match(name):
            return None
        if name in shipped_blocks():
            return shipped_definition(name)
        if name not in self.installed:
            return None
        return read_definition(name, self.installed[name], str(self.installed[name]), self.report)

    @cached_property
    def installed(self) -> dict[str, Path]:
        """Block name -> file, of installed packages: entry points of the group `archc.blocks` whose value is a
        top-level package, with its definitions as `archc_blocks/NAME.yaml`. Nothing of the package is imported."""
        from importlib import metadata, util  # a tenth of the time that a check takes, and few specs need it

        found: dict[str, Path] = {}
        for point in metadata.entry_points(group=ENTRY_POINTS):
            spec = util.find_spec(point.value) if point.value.isidentifier() else None
            for folder in spec.submodule_search_locations or () if spec else ():
                for path in sorted((Path(folder) / "archc_blocks").glob("*.yaml")):
                    found.setdefault(path.stem, path)
        return found

    def is_built_in(self, name: str) -> bool:
        """Whether `name` is a primitive or a block that ships."""
        return name in PRIMITIVES or name in shipped_blocks()

    def names(self) -> list[str]:
        """Every type's name."""
        return self._names

    @cached_property
    def _names(self) -> list[str]:
        return sorted({*self.own, *PRIMITIVES, *shipped_blocks(), *self.installed})
