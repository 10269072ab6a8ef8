"""The files that a spec may name: those of its own folder."""

from __future__ import annotations

import os
from pathlib import Path


def resolved(path: Path) -> Path | None:
    """The real path; None for what cannot be one: links that go round, a name that no file can have."""
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        return None


def confined(name: str, folder: Path, root: Path) -> tuple[Path | None, str]:
    """The file that a spec in `folder` names, or why it is not read: nothing outside `root` is."""
    path = resolved(folder / name)
    if path is not None and not path.is_relative_to(root.resolve()):
        return None, f"`{name[:80]}` lies outside the spec's folder"
    return (path, "") if path is not None and os.path.isfile(path) else (None, f"`{name[:80]}` is not a file")
