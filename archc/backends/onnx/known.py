"""What ONNX knows: its operators, and the opsets that are written."""

from __future__ import annotations

from functools import lru_cache

import onnx.defs

from archc.backends.onnx.model import SUPPORTED_OPSETS as OPSETS

__all__ = ["OPSETS", "is_operator", "operators"]


@lru_cache(maxsize=1)
def operators() -> tuple[str, ...]:
    """The names of the standard operators, of all opsets (https://onnx.ai/onnx/operators/)."""
    return tuple(sorted({schema.name for schema in onnx.defs.get_all_schemas_with_history() if not schema.domain}))


def is_operator(name: str) -> bool:
    """Whether there is an operator of that name."""
    return name in operators()
