"""The specs that mistakes are put into: all that ship, the examples, some made for the purpose, in several layouts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

from archc.api import Spec
from archc.diagnostics import Diagnostic, Report, SourceFile, Stop
from archc.spec.load import Loaded, load_bytes

from .document import Document
from .layouts import LAYOUTS

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (
    "specs/imagenet",
    "specs/fashion_mnist",
    "specs/families",
    "examples",
    "tests/data/specs",
)


@dataclass(frozen=True)
class Source:
    """A spec without mistakes, in one layout."""

    name: str
    text: str
    folder: Path


@lru_cache(maxsize=1)
def sources() -> tuple[Source, ...]:
    """Every spec in every layout."""
    found = []
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).glob("*.yaml")):
            text = path.read_text(encoding="utf-8")
            node = yaml.compose(text, Loader=yaml.SafeLoader)
            name = f"{folder}/{path.stem}"
            found.append(Source(name, text, path.parent))
            found += [Source(f"{name}+{layout}", write(node), path.parent) for layout, write in LAYOUTS.items()]
    return tuple(found)


@lru_cache(maxsize=512)
def document(source: Source) -> Document:
    """The source, read."""
    return Document(source.name, source.text)


def check(data: str | bytes, folder: Path = ROOT, name: str = "net.yaml") -> tuple[Spec, list[Diagnostic]]:
    """What archc says of a text, as it would of a file in `folder`."""
    report = Report()
    data = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    try:
        loaded = load_bytes(data, name, folder, report)
    except Stop:
        loaded = Loaded(None, SourceFile(name, ""))
    spec = Spec(loaded, {}, report)
    return spec, spec.check(warnings=False)
