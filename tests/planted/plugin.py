"""Plants the fault that the environment names for a whole run of pytest: `-p tests.planted.plugin`."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from .faults import FAULTS
from .plant import planted

VARIABLE = "PLANTED_FAULT"


@pytest.fixture(scope="session", autouse=True)
def fault() -> Iterator[None]:
    """The fault in place, once everything is imported."""
    (wanted,) = [one for one in FAULTS if one.name == os.environ[VARIABLE]]
    with planted(wanted):
        yield
