"""Reads a checkpoint for a graph, and writes one: safetensors, or torch's `.pth` through its restricted loader.

The format is told by the content. Whatever a file says is checked against the graph before a tensor is built.
"""

from __future__ import annotations

import io
import os
import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from archc.backends.files import write_whole
from archc.backends.fit import Expected, Fit, Found, counts, expected_of, fit, modules, offered, table
from archc.backends.safetensors_header import Malformed, read_entries
from archc.diagnostics import Diagnostic, SourceFile, Span
from archc.ir import Graph

Array = NDArray[Any]

TORCH: Final = (2, 10)
"""Older releases let a crafted file escape `weights_only` (CVE-2025-32434, CVE-2026-24747)."""

ZIP: Final = b"PK\x03\x04"
LEGACY: Final = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
"""How a `.pth` begins: a zip since torch 1.6, before that a pickle of torch's magic number."""

TENSORS: Final = 4096
"""Tensors that a file may have beside four times those of the network."""

WRAPPERS: Final = ("state_dict", "model")
"""Keys under which training scripts put the state_dict beside their own records."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What was read for a network: its state, or None and what is wrong."""

    state: dict[str, Array] | None
    diagnostics: list[Diagnostic]
    left: tuple[str, ...] = ()
    """Tensors that were not to be read, and that the state lacks."""
    prefix: str = ""
    """What stands before every name of the file and was read over: `module.` of nn.DataParallel, say."""


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
    read = read_weights(path, graph, inference_only=inference_only, data=data, prefix=prefix)
    return read.state, read.diagnostics


def read_weights(
    path: str | os.PathLike[str],
    graph: Graph,
    *,
    inference_only: bool = False,
    without: Sequence[str] = (),
    data: bytes | None = None,
    prefix: str = "",
) -> Weights:
    """What `load_weights` gives and more; tensors at or below the paths of `without` are left out, whatever the file has."""
    expected = expected_of(graph, inference_only)
    try:
        with open(path, "rb") if data is None else io.BytesIO(data) as file:
            start = file.read(len(LEGACY))
            file.seek(0)
            is_torch = start.startswith(ZIP) or start == LEGACY
            most = (8 if prefix else 4) * len(expected) + TENSORS
            found, take = _open_torch(file) if is_torch else _open_safetensors(file, most, prefix)
            result = fit(found, expected, dict(graph.aliases), without)
            if not result.is_whole:
                return Weights(None, [_unfit(result, expected, path)])
            arrays = {key: take(name) for key, name in result.names.items()}
    except _Refused as refusal:
        return Weights(None, [_diagnostic("A0705", path, *refusal.args[:2], help=refusal.args[2])])
    except Malformed as error:
        return Weights(None, [_diagnostic("A0701", path, "the weights cannot be read", str(error))])
    except OSError as error:
        return Weights(None, [_diagnostic("A0701", path, "the weights cannot be read", error.strerror or str(error))])
    return Weights(_complete(arrays, expected, result), [], tuple(result.left), result.prefix)


def save_safetensors(state: Mapping[str, Array], path: str | os.PathLike[str]) -> None:
    """Write `state`, whole or not at all. Raises OSError."""
    write_whole(path, save({key: np.asarray(value, order="C") for key, value in state.items()}))


class _Refused(Exception):
    """A torch that cannot be used: message, note, help."""


Opened = tuple[dict[str, Found], Callable[[str], Array]]
"""What a file holds, and how one tensor of it is read."""


def _open_safetensors(file: BinaryIO, most: int, prefix: str) -> Opened:
    entries = read_entries(file, file.seek(0, os.SEEK_END), most=most)
    entries = {name.removeprefix(prefix): one for name, one in entries.items() if name.startswith(prefix)}
    found = {name: Found(entry.shape, entry.is_integer) for name, entry in entries.items()}
    return found, lambda name: entries[name].read(file)


def _open_torch(file: BinaryIO) -> Opened:
    try:
        import torch
    except ImportError:
        note = "a `.pth` file is read by torch, which is not installed"
        raise _Refused("torch is missing", note, "install torch, or use safetensors") from None
    if tuple(int(part) for part in torch.__version__.split(".")[:2]) < TORCH:
        note = f"torch {torch.__version__} is installed; before 2.10 a crafted file can run code"
        raise _Refused("torch is too old", note, "install torch 2.10 or later")
    _check_zip(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what matters is told by a diagnostic
            content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch documents no list of what a broken file raises
        raise Malformed(f"torch refuses the file: {str(error).strip().splitlines()[0][:200]}") from error
    tensors = _state_dict(content, torch.Tensor)
    found = {name: Found(tuple(tensor.shape), not tensor.is_floating_point()) for name, tensor in tensors.items()}

    def take(name: str) -> Array:
        tensor = tensors[name].detach()
        array: Array = tensor.to(torch.int64 if found[name].is_integer else torch.float32).contiguous().numpy()
        return array

    return found, take


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


def _unfit(result: Fit, expected: Mapping[str, Expected], path: str | os.PathLike[str]) -> Diagnostic:
    """What keeps the file's tensors from being the network's, in one diagnostic."""
    if result.unknown:
        message = f"there is no `{result.unknown[0]:.100}` to leave out, neither in the network nor in the file"
        return _diagnostic("A0507", path, message, help=f"the network has {modules(expected)}; see `archc show`")
    faulty = offered(result)
    help = "use the weights of the same network, or change the spec until the names and shapes agree"
    if faulty:
        help = f"to load the rest, and draw these at random, add `--weights-except {','.join(faulty)}`"
    message = "the weights do not fit the network"
    said = counts(result, expected)
    return _diagnostic("A0702", path, message, said, *table(result, expected), label=said, help=help)


def _complete(arrays: Mapping[str, Array], expected: Mapping[str, Expected], result: Fit) -> dict[str, Array]:
    """In the graph's order, integers as such, with counters that the file lacks at zero."""
    state: dict[str, Array] = {}
    for key, want in expected.items():
        if key in arrays:
            state[key] = arrays[key].astype(np.int64) if want.is_integer else arrays[key]
        elif want.is_integer and key not in result.left:
            state[key] = np.zeros(want.shape, np.int64)
    return state


def _diagnostic(
    code: str, path: str | os.PathLike[str], message: str, *notes: str, label: str = "", help: str = ""
) -> Diagnostic:
    span = Span(SourceFile(str(Path(path)), ""), 1, 1, 1, 1)
    return Diagnostic(code, message, span, label=label, notes=notes, help=help)


def unsound(state: Mapping[str, Array]) -> list[str]:
    """The tensors that hold infinities or NaN, and the running variances that hold numbers below zero."""
    return [key for key in state if not _is_sound(key, state[key])]


def _is_sound(key: str, values: Array) -> bool:
    with np.errstate(over="ignore", invalid="ignore"):
        is_finite = bool(np.isfinite(values.sum()) or np.isfinite(values).all())  # the sum takes no memory
    return is_finite and not (key.endswith("running_var") and bool((values < 0).any()))
