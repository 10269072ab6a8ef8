"""What goes wrong in a run, as diagnostics."""

from __future__ import annotations

import errno
from math import isfinite
from pathlib import Path
from typing import Any, Final

from archc.backends.files import write_whole
from archc.diagnostics import Diagnostic, SourceFile, Span, SpecError

FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def fault(
    code: str, message: str, where: Span | Path | str, help: str = "", notes: tuple[str, ...] = (), label: str = ""
) -> SpecError:
    """A mistake that ends the run, at a place of the spec or about a file."""
    span = where if isinstance(where, Span) else Span(SourceFile(str(where), ""), 1, 1, 1, 1)
    return SpecError([Diagnostic(code, message, span, label=label, help=help, notes=notes)])


def reason(error: Exception) -> str:
    """Why a file cannot be read or written, as part of a sentence."""
    return (error.strerror or str(error)).lower() if isinstance(error, OSError) else str(error)


def unwritable(path: Path | str, error: OSError) -> SpecError:
    """A file of the run cannot be written."""
    way = "make room, or choose another folder" if error.errno in FULL else "choose a folder that can be written to"
    help = f"{way}; what was saved before is whole"
    return fault("A0704", f"cannot write `{path}`: {reason(error)}", path, help)


def write_file(path: Path, data: bytes) -> None:
    """Write a file whole or not at all. Raises SpecError."""
    try:
        write_whole(path, data)
    except OSError as error:
        raise fault("A0704", f"cannot write `{path}`: {reason(error)}", path, "name another file by -o") from None


def finite(values: Any) -> Any:
    """Plain data with None for numbers that JSON has not: infinities, and what is no number."""
    if isinstance(values, dict):
        return {key: finite(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [finite(value) for value in values]
    return None if isinstance(values, float) and not isfinite(values) else values
