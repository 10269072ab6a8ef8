"""Reads a checkpoint for a graph, and writes one: safetensors, or torch's `.pth` through its restricted loader.

The format is told by the content. Whatever a file says is checked against the graph before a tensor is built.
"""

from __future__ import annotations

import io
import os
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from archc.backends.files import write_whole
from archc.backends.safetensors_header import Malformed, read_entries
from archc.diagnostics import Diagnostic, SourceFile, Span
from archc.ir import Graph

Array = NDArray[Any]
Shape = tuple[int, ...]

TORCH: Final = (2, 10)
"""Older releases let a crafted file escape `weights_only` (CVE-2025-32434, CVE-2026-24747)."""

ZIP: Final = b"PK\x03\x04"
LEGACY: Final = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
"""How a `.pth` begins: a zip since torch 1.6, before that a pickle of torch's magic number."""

WRAPPERS: Final = ("state_dict", "model")
"""Keys under which training scripts put the state_dict beside their own records."""

COUNTER: Final = ".num_batches_tracked"
"""The tensor that files of old releases lack, and that only training reads."""

NAMES_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class Expected:
    """A tensor that the graph has."""

    shape: Shape
    dtype: str
    optional: bool


def load_weights(
    path: str | os.PathLike[str],
    graph: Graph,
    *,
    inference_only: bool = False,
    data: bytes | None = None,
    prefix: str = "",
) -> tuple[dict[str, Array] | None, list[Diagnostic]]:
    """The state of `graph` from the file at `path`, in the graph's order, as float32; or None and what is wrong.

    `inference_only` lets the tensors of training-only heads be missing, in the file and then in the result. With `data`,
    those are its bytes. Of a safetensors file, only the tensors whose names begin with `prefix` are read.
    """
    expected = _expected(graph, inference_only)
    try:
        with open(path, "rb") if data is None else io.BytesIO(data) as file:
            start = file.read(len(LEGACY))
            file.seek(0)
            if start.startswith(ZIP) or start == LEGACY:
                return _load_torch(file, path, expected)
            return _load_safetensors(file, path, expected, prefix)
    except Malformed as error:
        return None, [_diagnostic("A0701", path, "the weights cannot be read", str(error))]
    except OSError as error:
        return None, [_diagnostic("A0701", path, "the weights cannot be read", error.strerror or str(error))]


def save_safetensors(state: Mapping[str, Array], path: str | os.PathLike[str]) -> None:
    """Write `state`, whole or not at all. Raises OSError."""
    write_whole(path, save({key: np.asarray(value, order="C") for key, value in state.items()}))


def _expected(graph: Graph, inference_only: bool) -> dict[str, Expected]:
    expected: dict[str, Expected] = {}
    for node in graph.nodes:
        optional = inference_only and node.path not in graph.inference_nodes
        for key, tensor, _ in node.tensors():
            counter = tensor.dtype == "int64" and key.endswith(COUNTER)
            expected[key] = Expected(tensor.shape, tensor.dtype, optional or counter)
    return expected


def _load_safetensors(
    file: BinaryIO, path: str | os.PathLike[str], expected: Mapping[str, Expected], prefix: str
) -> tuple[dict[str, Array] | None, list[Diagnostic]]:
    entries = read_entries(file, file.seek(0, os.SEEK_END), most=(8 if prefix else 4) * len(expected) + 16)
    entries = {name.removeprefix(prefix): one for name, one in entries.items() if name.startswith(prefix)}
    found = {name: (entry.shape, entry.is_integer) for name, entry in entries.items()}
    unfit = _unfit(found, path, expected)
    if unfit:
        return None, [unfit]
    return _complete({name: entry.read(file) for name, entry in entries.items()}, expected), []


def _load_torch(
    file: BinaryIO, path: str | os.PathLike[str], expected: Mapping[str, Expected]
) -> tuple[dict[str, Array] | None, list[Diagnostic]]:
    try:
        import torch
    except ImportError:
        note = "a `.pth` file is read by torch, which is not installed"
        return None, [_diagnostic("A0705", path, "torch is missing", note, help="install torch, or use safetensors")]
    if tuple(int(part) for part in torch.__version__.split(".")[:2]) < TORCH:
        note = f"torch {torch.__version__} is installed; before 2.10 a crafted file can run code"
        return None, [_diagnostic("A0705", path, "torch is too old", note, help="install torch 2.10 or later")]
    _check_zip(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what matters is told by a diagnostic
            content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch documents no list of what a broken file raises
        raise Malformed(f"torch refuses the file: {str(error).strip().splitlines()[0][:200]}") from error
    tensors = _state_dict(content, torch.Tensor)
    found = {name: (tuple(tensor.shape), not tensor.is_floating_point()) for name, tensor in tensors.items()}
    unfit = _unfit(found, path, expected)
    if unfit:
        return None, [unfit]
    arrays = {
        name: tensor.detach().to(torch.int64 if found[name][1] else torch.float32).contiguous().numpy()
        for name, tensor in tensors.items()
    }
    return _complete(arrays, expected), []


def _check_zip(file: BinaryIO) -> None:
    """Refuse a zip whose parts are compressed, which torch never writes, so that nothing can swell in memory."""
    if zipfile.is_zipfile(file):
        try:
            with zipfile.ZipFile(file) as archive:
                packed = any(part.compress_type != zipfile.ZIP_STORED for part in archive.infolist())
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise Malformed(f"a damaged zip: {error}") from error
        if packed:
            raise Malformed("its parts are compressed, as torch never leaves them")
    file.seek(0)


def _state_dict(content: object, tensor_type: type[Any]) -> dict[str, Any]:
    """The tensors by name: `content` itself, or what it holds under one of WRAPPERS."""
    if isinstance(content, Mapping):
        for wrapper in WRAPPERS:
            if isinstance(content.get(wrapper), Mapping):
                content = content[wrapper]
                break
    if not isinstance(content, Mapping) or not content:
        raise Malformed("it holds no state_dict")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, tensor_type):
            raise Malformed(f"its entry {name!r:.80} is no tensor")
        plain = str(value.layout) == "torch.strided" and value.device.type == "cpu" and not value.is_quantized
        if value.is_complex() or not plain:
            raise Malformed(f"its tensor {name!r:.80} is complex, sparse, quantised or empty of values")
    return dict(content)


def _unfit(
    found: Mapping[str, tuple[Shape, bool]], path: str | os.PathLike[str], expected: Mapping[str, Expected]
) -> Diagnostic | None:
    """What keeps the file's tensors from being the graph's, in one diagnostic."""
    missing = [key for key, want in expected.items() if key not in found and not want.optional]
    unexpected = [key for key in found if key not in expected]
    different = []
    for key, want in expected.items():
        shape, is_integer = found.get(key, (want.shape, want.dtype == "int64"))
        if shape != want.shape:
            different.append(f"{key} (the file's {shape}, the network's {want.shape})")
        elif is_integer != (want.dtype == "int64"):
            different.append(f"{key} (the network's is {want.dtype})")
    if not (missing or unexpected or different):
        return None
    counts = (f"{len(missing)} missing", f"{len(unexpected)} unexpected", f"{len(different)} of another shape")
    notes = [
        f"{word}: {_some(names)}"
        for word, names in (("missing", missing), ("unexpected", unexpected), ("of another shape", different))
        if names
    ]
    return _diagnostic(
        "A0702",
        path,
        "the weights do not fit the network",
        *notes,
        label=f"of {len(expected)} tensors: {', '.join(counts)}",
        help=_advice(found, expected),
    )


def _some(names: Iterable[str]) -> str:
    listed = [f"{name:.100}" for name in names]
    more = f" and {len(listed) - NAMES_SHOWN} more" if len(listed) > NAMES_SHOWN else ""
    return ", ".join(listed[:NAMES_SHOWN]) + more


def _advice(found: Iterable[str], expected: Mapping[str, Expected]) -> str:
    prefixes = {name.partition(".")[0] for name in found}
    if len(prefixes) == 1:
        (prefix,) = prefixes
        if any(name.removeprefix(f"{prefix}.") in expected for name in found):
            return f"all names begin with `{prefix}.`; save the state_dict of the module inside"
    return "use the weights of the same network, or change the spec until the names and shapes agree"


def _complete(arrays: Mapping[str, Array], expected: Mapping[str, Expected]) -> dict[str, Array]:
    """In the graph's order, with counters that the file lacks at zero."""
    state: dict[str, Array] = {}
    for key, want in expected.items():
        if key in arrays:
            state[key] = arrays[key]
        elif want.dtype == "int64":
            state[key] = np.zeros(want.shape, np.int64)
    return state


def _diagnostic(
    code: str, path: str | os.PathLike[str], message: str, *notes: str, label: str = "", help: str = ""
) -> Diagnostic:
    span = Span(SourceFile(str(Path(path)), ""), 1, 1, 1, 1)
    return Diagnostic(code, message, span, label=label, notes=notes, help=help)
