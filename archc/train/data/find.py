"""Where the files of a data set are looked for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from archc.train.faults import fault
from archc.train.settings import Settings

FOLDERS: Final = {
    "fashion_mnist": ("", "fashion_mnist", "fashion-mnist", "FashionMNIST/raw"),
    "mnist": ("", "mnist", "MNIST/raw"),
    "cifar10": ("", "cifar10", "cifar-10-batches-bin"),
    "cifar100": ("", "cifar100", "cifar-100-binary"),
}
"""What the folder of each is called within one that is searched: its own name, torchvision's, Debian's."""

DEBIAN: Final = Path("/usr/share/datasets")
VARIABLE: Final = "ARCHC_DATA"


@dataclass(frozen=True, slots=True)
class Places:
    """The folder that a command names, the one that the spec names, and that of the spec."""

    given: Path | None
    """By `--data`: it alone is looked in, or the one that the spec names."""
    written: Path | None = None
    """By `train.data.path`, from the folder of the spec."""

    def folders(self) -> list[Path]:
        """The folders to search, in order."""
        if self.given is not None or self.written is not None:
            return [folder for folder in (self.given, self.written) if folder is not None][:1]
        return [*_from_environment(), cache(), DEBIAN]

    def candidates(self, name: str) -> Iterator[Path]:
        """The folders that may hold the data set `name`."""
        for folder in self.folders():
            for inner in FOLDERS[name]:
                yield folder / inner


def places_of(settings: Settings, given: Path | None, base: Path) -> Places:
    """Where to look: in the folder that is given, else in `train.data.path`, from the folder `base`. Raises SpecError."""
    written = settings.data.get("path")
    if written is None or given is not None:
        return Places(given)
    span = settings.spans["data.path"]
    path = base / written
    if span.file.name != "--set" and not path.resolve().is_relative_to(base.resolve()):
        help = "name it on the command line: `--data DIR`"
        raise fault("A0802", f"`{written}` lies outside the spec's folder", span, help)
    return Places(None, Path(written) if span.file.name == "--set" else path)


def cache() -> Path:
    """Where downloads are kept: `$XDG_CACHE_HOME/archc/data`, or `~/.cache/archc/data`."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "archc" / "data"


def _from_environment() -> list[Path]:
    return [Path(part) for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part]
