"""What tells findings apart from one run to the next: names of files, and fingerprints that stay when lines move."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path, PurePath

from archc.diagnostics.fixes import text_at
from archc.diagnostics.model import Diagnostic


def posix(name: str | PurePath) -> str:
    """A file's name with forward slashes, relative to the working folder where it lies below it."""
    path = name if isinstance(name, PurePath) else PurePath(name)
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    return path.as_posix()


@lru_cache(maxsize=1024)
def home(name: str, folder: Path) -> str:
    """The name of a file, given from the working folder `folder`, that is the same wherever archc runs.

    Below the root of a repository it is the path from there; elsewhere the name without its folders; what is no file
    keeps its name.
    """
    path = folder / name
    if not path.is_file():
        return posix(name)
    root = next((above for above in path.resolve().parents if (above / ".git").exists()), None)
    return path.resolve().relative_to(root).as_posix() if root else path.name


def fingerprints(found: Sequence[Diagnostic]) -> list[str]:
    """A stable, unique name for each finding.

    It is made of the code, the file, the names of the stages that lead there, the line and the words under the carets;
    equal ones are counted. Numbers of lines, places in lists and shapes are left out, so that what is written elsewhere
    changes nothing.
    """
    seen: Counter[str] = Counter()
    names = []
    for diagnostic in found:
        span = diagnostic.span
        lines = span.file.lines()
        line = lines[span.line - 1].strip() if span.line <= len(lines) else ""
        stages = ".".join(part for part in diagnostic.path.split(".") if not part.isdigit())
        parts = (diagnostic.code, home(span.file.name, Path.cwd()), stages, line, text_at(span))
        key = "\0".join(parts)
        names.append(hashlib.sha256(f"{key}\0{seen[key]}".encode(errors="backslashreplace")).hexdigest())
        seen[key] += 1
    return names
