"""Checkpoints: what is read, what is refused and why, and files that appear whole or not at all."""

from __future__ import annotations

import io
import json
import os
import struct
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from archc.backends import files
from archc.backends.files import staged, write_whole
from archc.backends.initialise import initialise
from archc.backends.weights import load_weights, read_weights, save_safetensors
from archc.diagnostics import Diagnostic, SourceFile, Span
from archc.ir import Graph, Input, Node, Output
from archc.ir.ops import BatchNorm, Linear

SPAN = Span(SourceFile("test.yaml", ""), 1, 1, 1, 1)


def network() -> Graph:
    """fc -> bn -> out, and a head that exists in training only."""
    ops = [("fc", Linear(3, 4), 0), ("bn", BatchNorm(4), 1), ("out", Linear(4, 2), 2), ("aux", Linear(4, 5), 2)]
    nodes = tuple(Node(path, op, (x,), n, SPAN, path) for n, (path, op, x) in enumerate(ops, start=1))
    types = (Input(3).type, *(Input(n).type for n in (4, 4, 2, 5)))
    outputs = (Output("y", 3), Output("aux", 4, training_only=True))
    return Graph("test", Input(3), nodes, (), outputs, types, tuple(path for path, *_ in ops))


def state() -> dict[str, np.ndarray]:
    return initialise(network(), seed=1)


def accepted(path: Path, **options: bool) -> dict[str, np.ndarray]:
    found, diagnostics = load_weights(path, network(), **options)
    assert not diagnostics
    assert found is not None
    for value in found.values():
        assert value.dtype.name in ("float32", "int64")
    return found


def refused(path: Path, code: str, **options: bool) -> Diagnostic:
    found, diagnostics = load_weights(path, network(), **options)
    assert found is None
    (diagnostic,) = diagnostics
    assert diagnostic.code == code
    assert diagnostic.span.file.name == str(path)
    return diagnostic


def assert_equal(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> None:
    assert list(a) == list(b)
    for key in a:
        assert np.array_equal(a[key], b[key])


def test_what_was_saved_is_read(tmp_path: Path) -> None:
    save_safetensors(state(), tmp_path / "w.safetensors")
    assert_equal(accepted(tmp_path / "w.safetensors"), state())
    assert load_file(tmp_path / "w.safetensors").keys() == state().keys()


def test_the_extension_says_nothing(tmp_path: Path) -> None:
    save_safetensors(state(), tmp_path / "w.pth")
    assert_equal(accepted(tmp_path / "w.pth"), state())


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_other_precisions_become_float32(tmp_path: Path, dtype: str) -> None:
    other = {key: value.astype(dtype) if value.dtype == np.float32 else value for key, value in state().items()}
    save_file(other, tmp_path / "w")
    for key, value in accepted(tmp_path / "w").items():
        assert np.array_equal(value, other[key].astype(value.dtype))


def test_bfloat16(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="numpy has no bfloat16")
    from safetensors.torch import save_file as save_torch

    tensors = {key: torch.from_numpy(value) for key, value in state().items()}
    tensors = {key: value.bfloat16() if value.is_floating_point() else value for key, value in tensors.items()}
    save_torch(tensors, tmp_path / "w")
    for key, value in accepted(tmp_path / "w").items():
        assert np.array_equal(value, tensors[key].to(torch.from_numpy(value).dtype).numpy())


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
@pytest.mark.parametrize("new_format", [True, False])
def test_torch_checkpoints(tmp_path: Path, wrapper: str | None, new_format: bool) -> None:
    torch = pytest.importorskip("torch", reason="writes the file")
    tensors = {key: torch.from_numpy(value) for key, value in state().items()}
    content = tensors if wrapper is None else {"epoch": 3, wrapper: tensors}
    torch.save(content, tmp_path / "w.bin", _use_new_zipfile_serialization=new_format)
    assert_equal(accepted(tmp_path / "w.bin"), state())


def test_counters_of_batch_norms_may_be_missing(tmp_path: Path) -> None:
    old = state()
    del old["bn.num_batches_tracked"]
    save_safetensors(old, tmp_path / "w")
    assert_equal(accepted(tmp_path / "w"), state())


def test_heads_of_training_may_be_missing_in_inference(tmp_path: Path) -> None:
    lean = {key: value for key, value in state().items() if not key.startswith("aux")}
    save_safetensors(lean, tmp_path / "w")
    assert refused(tmp_path / "w", "A0702").notes == (
        "of 11 tensors: 9 fit, 2 missing",
        "tensor      the network's  the file's",
        "aux.weight  (5, 4)         missing",
        "aux.bias    (5,)           missing",
        "everything fits in `fc`, `bn`, `out`",
    )
    assert_equal(accepted(tmp_path / "w", inference_only=True), lean)
    save_safetensors(state(), tmp_path / "w")
    assert_equal(accepted(tmp_path / "w", inference_only=True), state())


@pytest.mark.parametrize("torch_file", [False, True])
def test_weights_of_another_network(tmp_path: Path, torch_file: bool) -> None:
    other = state()
    del other["out.bias"]
    other["fc.weight"] = np.zeros((4, 9), np.float32)
    other["fc.bias"] = np.zeros(4, np.int64)
    other |= {f"more.{index:02}": np.zeros(1, np.float32) for index in range(12)}
    if torch_file:
        torch = pytest.importorskip("torch", reason="writes the file")
        torch.save({key: torch.from_numpy(value) for key, value in other.items()}, tmp_path / "w")
    else:
        save_safetensors(other, tmp_path / "w")
    diagnostic = refused(tmp_path / "w", "A0702")
    said = "of 11 tensors: 8 fit, 1 missing, 12 unexpected, 2 of another shape or kind"
    assert diagnostic.label == said
    assert diagnostic.notes[:5] == (
        said,
        "tensor      the network's   the file's",
        "fc.weight   (4, 3)          (4, 9)",
        "fc.bias     (4,)            (4,) int64",
        "out.bias    (2,)            missing",
    )
    assert [note.split()[0] for note in diagnostic.notes[5:15]] == [f"more.{index:02}" for index in range(10)]
    assert diagnostic.notes[15:] == ("and 2 more", "everything fits in `bn`, `aux`")
    help = "to load the rest, and draw these at random, add `--weights-except fc,out.bias,more`"
    assert diagnostic.help == help


def test_no_part_is_offered_where_little_fits(tmp_path: Path) -> None:
    few = {key: value for key, value in state().items() if key.startswith("bn")}
    save_safetensors(few, tmp_path / "w")
    assert "--weights-except" not in refused(tmp_path / "w", "A0702").help


def test_parts_can_be_left_out(tmp_path: Path) -> None:
    other = {key: value for key, value in state().items() if not key.startswith("aux")}
    other |= {"out.weight": np.zeros((9, 4), np.float32), "old.weight": np.zeros(3, np.float32)}
    save_safetensors(other, tmp_path / "w")
    read = read_weights(tmp_path / "w", network(), without=["out", "aux", "old"])
    assert read.diagnostics == []
    assert read.left == ("out.weight", "out.bias", "aux.weight", "aux.bias")
    assert read.state is not None
    assert list(read.state) == [key for key in state() if not key.startswith(("out", "aux"))]
    whole = initialise(network(), 5, read.state)
    assert list(whole) == list(state())
    assert np.array_equal(whole["fc.weight"], other["fc.weight"])
    assert np.array_equal(whole["out.weight"], initialise(network(), 5)["out.weight"])


def test_what_is_not_there_cannot_be_left_out(tmp_path: Path) -> None:
    save_safetensors(state(), tmp_path / "w")
    (found,) = read_weights(tmp_path / "w", network(), without=["ou"]).diagnostics
    assert found.code == "A0507"
    assert found.help == "the network has `fc`, `bn`, `out`, `aux`; see `archc show`"


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
def test_wrappings_of_torch_are_read_over(tmp_path: Path, prefix: str) -> None:
    save_safetensors({prefix + key: value for key, value in state().items()}, tmp_path / "w")
    assert_equal(accepted(tmp_path / "w"), state())
    assert read_weights(tmp_path / "w", network()).prefix == prefix


def test_another_prefix_is_not(tmp_path: Path) -> None:
    save_safetensors({f"net.{key}": value for key, value in state().items()}, tmp_path / "w")
    assert "net.fc.weight" in " ".join(refused(tmp_path / "w", "A0702").notes)
    mixed = {f"module.{key}" if key.startswith("fc") else key: value for key, value in state().items()}
    save_safetensors(mixed, tmp_path / "w")
    refused(tmp_path / "w", "A0702")


def test_older_names_are_read_as_todays(tmp_path: Path) -> None:
    graph = replace(network(), aliases=(("batch.norm", "bn"), ("linear", "fc")))
    old = {key.replace("bn.", "batch.norm.").replace("fc.", "linear."): value for key, value in state().items()}
    assert "batch.norm.weight" in old
    for prefix in ("", "module."):
        save_safetensors({prefix + key: value for key, value in old.items()}, tmp_path / "w")
        found, diagnostics = load_weights(tmp_path / "w", graph)
        assert diagnostics == []
        assert found is not None
        assert_equal(found, state())
    both = {**state(), "linear.weight": np.zeros((4, 3), np.float32)}
    save_safetensors(both, tmp_path / "w")
    _, (diagnostic,) = load_weights(tmp_path / "w", graph)
    assert diagnostic.notes[0] == "of 11 tensors: 11 fit, 1 unexpected"


def test_counters_may_be_floats(tmp_path: Path) -> None:
    save_safetensors({**state(), "bn.num_batches_tracked": np.array(7, np.float32)}, tmp_path / "w")
    assert accepted(tmp_path / "w")["bn.num_batches_tracked"] == 7


def with_header(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(dtype: object = "F32", shape: object = (1,), place: object = (0, 4)) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": place}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "neither"),
        (b"hello, world", "neither"),
        (struct.pack("<Q", 2**62) + b"{}", "neither"),
        (struct.pack("<Q", 9 * 2**20) + b" " * 9 * 2**20, "header has"),
        (with_header(b"[" * 100_000), "neither"),
        (with_header([]), "no object"),
        (with_header(b'{"a": {}, "a": {}}'), "twice"),
        (with_header({f"t{index}": entry() for index in range(5000)}, bytes(4)), "5000 tensors"),
        (with_header({"a": {**entry(), "more": 1}}, bytes(4)), "other fields"),
        (with_header({"a": 3}, bytes(4)), "other fields"),
        (with_header({"a": entry("F8_E4M3")}, bytes(4)), "F8_E4M3"),
        (with_header({"a": entry(["F32"])}, bytes(4)), "the type"),
        (with_header({"a": entry(shape=[-1])}, bytes(4)), "impossible"),
        (with_header({"a": entry(shape=[True])}, bytes(4)), "impossible"),
        (with_header({"a": entry(shape=[2**62, 4])}, bytes(4)), "impossible"),
        (with_header({"a": entry(shape=[1] * 9)}, bytes(4)), "impossible"),
        (with_header({"a": entry(place=[0, 4, 8])}, bytes(4)), "impossible"),
        (with_header({"a": entry(place=[4, 0])}, bytes(4)), "-4 bytes"),
        (with_header({"a": entry(shape=[2**40, 2**40])}, bytes(4)), "not those of its shape"),
        (with_header({"a": entry(), "b": entry()}, bytes(4)), "overlaps"),
        (with_header({"a": entry(place=[4, 8])}, bytes(8)), "gap"),
        (with_header({"a": entry()}, bytes(8)), "tensors end at"),
        (with_header({"a": entry()}, bytes(2)), "tensors end at"),
        (b"PK\x03\x04" + bytes(50), "torch refuses"),
    ],
)
def test_malformed_files(tmp_path: Path, content: bytes, reason: str) -> None:
    if content.startswith(b"PK"):
        pytest.importorskip("torch", reason="reads the file")
    (tmp_path / "w").write_bytes(content)
    diagnostic = refused(tmp_path / "w", "A0701")
    assert reason in diagnostic.notes[0]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert refused(tmp_path / "none", "A0701").notes == ("No such file or directory",)
    assert refused(tmp_path, "A0701").notes == ("Is a directory",)


class Attack:
    """Unpickled, it would make a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("new_format", [True, False])
def test_code_in_a_checkpoint_does_not_run(tmp_path: Path, new_format: bool) -> None:
    torch = pytest.importorskip("torch", reason="writes the file")
    content = {"fc.weight": Attack(tmp_path / "made")}
    torch.save(content, tmp_path / "w.pth", _use_new_zipfile_serialization=new_format)
    assert "torch refuses the file" in refused(tmp_path / "w.pth", "A0701").notes[0]
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("content", [[1, 2], {}, {"a": 1}, {1: 2}, {"state_dict": {}}])
def test_torch_files_without_a_state_dict(tmp_path: Path, content: object) -> None:
    torch = pytest.importorskip("torch", reason="writes the file")
    torch.save(content, tmp_path / "w.pth")
    refused(tmp_path / "w.pth", "A0701")


def test_sparse_and_valueless_tensors(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="writes the file")
    for tensor in (torch.zeros(4, 3).to_sparse(), torch.zeros(4, 3, device="meta"), torch.zeros(4, 3).cfloat()):
        torch.save({"fc.weight": tensor}, tmp_path / "w.pth")
        assert "fc.weight" in refused(tmp_path / "w.pth", "A0701").notes[0]


def test_compressed_zips_are_refused(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="writes the file")
    plain = io.BytesIO()
    torch.save({"fc.weight": torch.zeros(4, 3)}, plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(tmp_path / "w.pth", "w", zipfile.ZIP_DEFLATED) as packed:
        for part in source.infolist():
            packed.writestr(part.filename, source.read(part))
    assert "compressed" in refused(tmp_path / "w.pth", "A0701").notes[0]


@pytest.mark.parametrize("version", [None, "2.9.1", "1.13.0+cpu"])
def test_torch_is_missing_or_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str | None) -> None:
    torch = pytest.importorskip("torch", reason="writes the file")
    torch.save({key: torch.from_numpy(value) for key, value in state().items()}, tmp_path / "w.pth")
    if version is None:
        monkeypatch.setitem(sys.modules, "torch", None)
    else:
        monkeypatch.setattr(torch, "__version__", version)
    diagnostic = refused(tmp_path / "w.pth", "A0705")
    assert diagnostic.message == ("torch is missing" if version is None else "torch is too old")


def test_safetensors_need_no_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    save_safetensors(state(), tmp_path / "w")
    assert_equal(accepted(tmp_path / "w"), state())


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    write_whole(tmp_path / "a", b"one")
    write_whole(tmp_path / "a", b"two")
    assert (tmp_path / "a").read_bytes() == b"two"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_the_mode_follows_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "a", b"one")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_a_failure_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_whole(tmp_path / "a", b"one")

    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    for name in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(files.os, name, fail)
            with pytest.raises(OSError, match="No space left"):
                write_whole(tmp_path / "a", b"two")
    with pytest.raises(TypeError), staged(tmp_path / "a") as file:
        file.write("three")  # type: ignore[arg-type]
    assert (tmp_path / "a").read_bytes() == b"one"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "no" / "a", b"one")
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path, b"one")
    assert list(tmp_path.iterdir()) == []


def test_links_are_followed_and_devices_kept(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_whole(tmp_path / "link", b"one")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"one"
    write_whole("/dev/null", b"one")
    assert Path("/dev/null").is_char_device()
