"""Makes the values of tensors before their turn, in threads, for numpy draws and converts without Python's lock."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from archc.backends.onnx.tensors import Array, Tensor

if TYPE_CHECKING:
    from concurrent.futures import Future

ROOM: Final = 2**25
"""Bytes of tensors that may be in memory at once; one alone may have more."""

LARGE: Final = 2**16
"""Tensors of fewer bytes are made in their turn, which takes less time than to hand them on."""

MOST_THREADS: Final = 4


def values_of(tensors: Sequence[Tensor], room: int = ROOM) -> Iterator[Array]:
    """The values of each tensor, in order. Raises what making one raises, in its turn."""
    threads = min(_cores(), MOST_THREADS)
    if threads < 2 or sum(tensor.bytes >= LARGE for tensor in tensors) < 2:
        yield from (tensor.values() for tensor in tensors)
        return
    from concurrent.futures import ThreadPoolExecutor

    coming: deque[Future[Array] | None] = deque()
    held = begun = 0
    with ThreadPoolExecutor(threads) as pool:
        for tensor in tensors:
            while begun < len(tensors) and (not coming or held + tensors[begun].bytes <= room):
                following = tensors[begun]
                coming.append(pool.submit(following.values) if following.bytes >= LARGE else None)
                held += following.bytes
                begun += 1
            future = coming.popleft()
            yield tensor.values() if future is None else future.result()
            del future  # and with it the values
            held -= tensor.bytes


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
