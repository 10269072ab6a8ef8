"""Memory that a step has used is kept for the next one, on CPUs."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from typing import Final

TRIM_THRESHOLD: Final = -1
MMAP_MAX: Final = -4
"""`M_TRIM_THRESHOLD` and `M_MMAP_MAX` of glibc's malloc.h."""
MOST: Final = 2**31 - 1
VARIABLES: Final = ("MALLOC_MMAP_MAX_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")
"""Of glibc: whoever sets one of them has chosen already."""


def keep_memory() -> bool:
    """Have glibc keep what is freed, and not give it back to the system; whether it does so now.

    A step frees the tensors of its forward pass and the next one asks for as many: given back, each of their pages is
    cleared and mapped again, step after step (mallopt(3)). Other allocators and systems are left as they are.
    """
    if not sys.platform.startswith("linux") or any(name in os.environ for name in VARIABLES):
        return False
    with suppress(OSError, AttributeError):  # no glibc
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018  musl has a mallopt that does nothing, and not this
        return bool(library.mallopt(MMAP_MAX, 0)) and bool(library.mallopt(TRIM_THRESHOLD, MOST))
    return False
