"""Checkpoints are whole or refused, and a run that cannot go on says why and leaves what it had."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("lightning")

import torch
from training import LINEAR, best, last, process, same, stop_after, train, write

from archc.diagnostics import SpecError
from archc.train.checkpoint import Checkpoints, State, checksum_path, read_checkpoint
from archc.train.faults import unwritable
from archc.train.lock import Lock
from archc.train.progress import Progress, Row, Sums, Unfit


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of `LINEAR`, ended after its third epoch of four."""
    assert train(write(tmp_path, LINEAR), "-o", tmp_path / "run", "--set", "train.epochs=3").code == 0
    return tmp_path / "run"


def saved(folder: Path) -> Path:
    state = State({"a": torch.arange(12.0), "b": torch.tensor(3)}, {"archc.progress": Progress().to_json()})
    return folder / Checkpoints(folder).save(state, 7)


# -- whole or refused ----------------------------------------------------------------------------------------------------


def test_a_checkpoint_comes_back(tmp_path: Path) -> None:
    state = read_checkpoint(saved(tmp_path))
    assert torch.equal(state.tensors["a"], torch.arange(12.0))
    assert state.tensors["b"].dtype == torch.int64
    assert Progress.from_json(state.texts["archc.progress"]) == Progress()


def test_the_checksum_is_that_of_sha256sum(tmp_path: Path) -> None:
    path = saved(tmp_path)
    if shutil.which("sha256sum") is None:
        pytest.skip("there is no sha256sum here")
    subprocess.run(["sha256sum", "--check", "--quiet", checksum_path(path).name], cwd=tmp_path, check=True)


def refused(path: Path) -> bool:
    try:
        read_checkpoint(path)
    except SpecError as error:
        (found,) = error.diagnostics
        return found.code == "A0805" and path.name in found.message
    return False


@pytest.mark.parametrize("which", ["the file", "its checksum"])
def test_no_truncated_checkpoint_is_read(which: str, tmp_path: Path) -> None:
    path = saved(tmp_path)
    target = path if which == "the file" else checksum_path(path)
    data = target.read_bytes()
    lengths = random.Random(0).sample(range(len(data)), min(200, len(data)))
    for length in lengths:
        if which == "its checksum" and length >= 64:
            continue  # the name behind the 64 digits is for sha256sum
        target.write_bytes(data[:length])
        assert refused(path), length
    target.write_bytes(data)
    assert not refused(path)


@pytest.mark.parametrize("which", ["the file", "its checksum"])
def test_no_checkpoint_with_a_flipped_bit_is_read(which: str, tmp_path: Path) -> None:
    path = saved(tmp_path)
    target = path if which == "the file" else checksum_path(path)
    data = target.read_bytes()
    length = len(data) if which == "the file" else 64
    for bit in random.Random(1).sample(range(8 * length), 200):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        target.write_bytes(flipped)
        assert refused(path), bit


def test_a_checkpoint_without_its_checksum_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path)
    checksum_path(path).unlink()
    assert refused(path)


def test_a_progress_that_is_none_is_refused() -> None:
    whole = Progress(1, 2, 3, rows=[Row(1, 3, 0.1, 0.5, None, 0.5, 0.5, 1.0)], sums=Sums(1.0, 2.0, 3.0))
    assert Progress.from_json(whole.to_json()) == whole
    for text in ("", "[]", "{}", '{"epoch": -1}', whole.to_json().replace('"epoch": 1', '"epoch": -1')):
        with pytest.raises(Unfit):
            Progress.from_json(text)


def test_a_damaged_checkpoint_is_named_and_the_one_before_it_offered(run: Path, tmp_path: Path) -> None:
    assert train(tmp_path / "net.yaml", "-o", tmp_path / "whole", "--set", "train.epochs=4").code == 0
    older, newer = Checkpoints(run / "checkpoints").names()
    (run / "checkpoints" / newer).write_bytes((run / "checkpoints" / newer).read_bytes()[:-1])
    code, output = train("--resume", run, "--set", "train.epochs=4")
    assert code == 1
    assert f"the checkpoint `{newer}` is damaged: its SHA-256 is not the one beside it" in output
    assert f"archc train --resume {run} --from {older}" in output
    assert train("--resume", run, "--from", older, "--set", "train.epochs=4").code == 0
    assert same(last(run), last(tmp_path / "whole"))
    assert newer not in os.listdir(run / "checkpoints")


def test_of_checkpoints_the_last_two_and_the_best_are_kept(run: Path) -> None:
    names = sorted(name for name in os.listdir(run / "checkpoints") if name.endswith(".safetensors"))
    assert len(names) == 3
    assert [name.partition("-")[0] for name in names] == ["000002", "000003", "best"]


def test_the_best_epochs_weights_are_those_of_the_spec(run: Path) -> None:
    import archc

    path = Checkpoints(run / "checkpoints").best()
    assert path is not None
    assert archc.load(run / "spec.yaml").weights(path).keys() == best(run).keys()


# -- what ends a run ------------------------------------------------------------------------------------------------------


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small disk needs the right to mount one")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_leaves_the_old_checkpoint_whole(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archc.train.keeper.PICTURE_EVERY", 1e9)
    spec = write(tmp_path, LINEAR)
    filler = disk / "filler"

    def fill() -> None:
        with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
            while True:
                file.write(bytes(512))

    assert train(spec, "-o", tmp_path / "whole").code == 0
    with monkeypatch.context() as patched:
        stop_after(patched, 9, fill)  # in the second epoch
        code, output = train(spec, "-o", disk / "run")
    assert code == 1
    assert "error[A0704]: cannot write" in output
    assert "no space left on device" in output
    assert "Traceback" not in output
    (name,) = Checkpoints(disk / "run" / "checkpoints").names()
    assert not refused(disk / "run" / "checkpoints" / name)
    assert not [name for name in os.listdir(disk / "run" / "checkpoints") if name.endswith(".tmp")]
    filler.unlink()
    assert train("--resume", disk / "run").code == 0
    assert same(last(disk / "run"), last(tmp_path / "whole"))


def test_a_read_only_folder_is_said_before_the_first_step(disk: Path, tmp_path: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    code, output = train(write(tmp_path, LINEAR), "-o", disk / "run")
    assert code == 1
    assert f"error[A0704]: cannot write `{disk / 'run'}`: read-only file system" in output


def test_a_folder_that_becomes_read_only_leaves_the_old_checkpoint_whole(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = last(run)
    original = os.open

    def refuse(path: object, flags: int, *args: int, **more: int) -> int:
        if str(path).endswith(".tmp"):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return original(path, flags, *args, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        stop_after(patched, 3, lambda: patched.setattr(os, "open", refuse))
        code, output = train("--resume", run, "--set", "train.epochs=4")
    assert code == 1
    assert "read-only file system" in output
    assert same(last(run), before)


def test_a_second_run_in_a_folder_is_refused(tmp_path: Path) -> None:
    started = process(
        write(tmp_path, LINEAR), "-o", tmp_path / "run", "--set", "train.epochs=10000", log=tmp_path / "log"
    )
    while not (tmp_path / "run" / "metrics.csv").is_file():
        time.sleep(0.05)
        assert started.is_alive(), (tmp_path / "log").read_text(encoding="utf-8")
    code, output = train("--resume", tmp_path / "run")
    os.kill(started.pid, signal.SIGTERM)
    started.join(60)
    assert code == 1
    assert f"error[A0804]: another run is at work in `{tmp_path / 'run'}`" in output
    assert f"process {started.pid} on this machine" in output


def test_a_lock_ends_with_its_owner(tmp_path: Path) -> None:
    lock = Lock(tmp_path)
    with pytest.raises(SpecError):
        Lock(tmp_path)
    lock.release()
    Lock(tmp_path).release()


def test_a_folder_that_holds_a_run_is_not_written_over(run: Path, tmp_path: Path) -> None:
    before = last(run)
    code, output = train(tmp_path / "net.yaml", "-o", run)
    assert code == 1
    assert f"error[A0806]: `{run}` holds a run already" in output
    assert same(last(run), before)


@pytest.mark.parametrize("what", ["nothing", "an empty folder"])
def test_what_is_no_run_is_not_continued(what: str, tmp_path: Path) -> None:
    path = tmp_path if what == "an empty folder" else tmp_path / "missing"
    code, output = train("--resume", path)
    assert code == 1
    assert "error[A0806]" in output


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("steps.csv", b"step,epoch,lr,loss\nx,1,2,3\n", "steps.csv` cannot be read"),
        ("steps.csv", b"step,epoch,lr,loss\n1,1,\xff,3\n", "steps.csv` cannot be read"),
        ("environment.json", b'{"data": 5}', "`data` is 5 in"),
        ("environment.json", b'{"data": ["a"]}', '`data` is ["a"] in'),
        ("environment.json", b'{"threads": 1e9}', "where a number from 1 to 1024 is due"),
        ("environment.json", b'{"threads": 99999999999999999999}', "where a number from 1 to 1024 is due"),
        ("environment.json", b"\xff", "environment.json"),
    ],
)
def test_a_file_of_a_run_that_is_damaged_is_named(name: str, data: bytes, says: str, run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "copy")
    (tmp_path / "copy" / name).write_bytes(data)
    code, output = train("--resume", tmp_path / "copy", "--set", "train.epochs=9")
    assert code == 1
    assert output.count("error[A0806]") == 1
    assert says in output
    assert (tmp_path / "copy" / name).read_bytes() == data


def test_what_is_damaged_above_is_read_if_whole(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "copy")
    (tmp_path / "copy" / "environment.json").write_text("{}", encoding="utf-8")
    (tmp_path / "copy" / "steps.csv").write_text("step,epoch,lr,loss\n1,1,2,3\n2,1", encoding="utf-8")
    assert train("--resume", tmp_path / "copy", "--set", "train.epochs=4").code == 0
    lines = (tmp_path / "copy" / "steps.csv").read_text(encoding="utf-8").splitlines()
    assert lines[1] == "1,1,2,3"
    assert lines[2].startswith("19,4,")


def test_room_is_asked_for_where_it_lacks_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    for name, says in (("file", "not a directory"), ("file/run", "not a directory"), ("a" * 300, "file name too long")):
        code, output = train(write(tmp_path, LINEAR), "-o", tmp_path / name)
        assert code == 1
        assert f"error[A0704]: cannot write `{tmp_path / name}`: {says}" in output
        assert "choose a folder that can be written to" in output
    full = unwritable("x", OSError(errno.ENOSPC, "No space left on device")).diagnostics[0]
    assert full.help.startswith("make room, or choose another folder")


def test_a_checkpoint_that_is_not_there_is_not_continued_from(run: Path) -> None:
    code, output = train("--resume", run, "--from", "000001-step-6.safetensors")
    assert code == 1
    assert "has no checkpoint `000001-step-6.safetensors`" in output
    assert "000003-step-18.safetensors" in output


# -- a loss that is no number ------------------------------------------------------------------------------------------------


def test_a_loss_that_is_no_number_ends_the_run_and_names_the_module(tmp_path: Path) -> None:
    spec = write(tmp_path, LINEAR.replace("tanh", "relu"))
    code, output = train(spec, "-o", tmp_path / "run", "--set", "train.optimizer.lr=1e25")
    assert code == 1
    assert "error[A0807]: the loss is" in output
    assert re.search(r"`fc[12]` is the first module whose output is not finite", output)


def test_the_last_good_checkpoint_is_kept(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = last(run)
    from archc.train.task import Task

    original = Task.prepared

    def spoiled(self: Task, inputs: torch.Tensor, *args: object) -> torch.Tensor:
        return original(self, inputs, *args) if self.progress.batch < 2 else inputs * float("nan")  # type: ignore[arg-type]

    monkeypatch.setattr(Task, "prepared", spoiled)
    code, output = train("--resume", run, "--set", "train.epochs=4")
    assert code == 1
    assert "the loss is nan at step 21, in epoch 4" in output
    assert "the inputs are not finite" in output
    assert same(last(run), before)


def test_the_loss_itself_may_be_what_is_not_finite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from archc.train.objective import Objective

    monkeypatch.setattr(Objective, "_one", lambda *_: torch.tensor(float("inf")))
    code, output = train(write(tmp_path, LINEAR), "-o", tmp_path / "run")
    assert code == 1
    assert "the loss is inf at step 1, in epoch 1" in output
    assert "the output of every module is finite" in output
