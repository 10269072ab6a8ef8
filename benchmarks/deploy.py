"""One trained network in every form that ships: sizes, latencies and accuracies of its ONNX files on real pictures."""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.latency import session
from benchmarks.process import archc
from benchmarks.report import Section

SPEC = "fashion_mnist/resnet18"
TRAINING = {"data.resize": 40, "batch_size": 64, "max_steps": 100, "optimizer.lr": 0.03}
"""A moment: 6,400 pictures."""

FORMS = {"float32": (), "float32, folded": ("--fold",), "float16": ("--fp16",), "int8": ("--int8",)}
BATCH = 1
COUNT = 2000
"""Of the pictures to test on."""


def deploy(runs: int) -> Section:
    """The table; without its data set a row that says so."""
    head = ("form", "file", "latency", "to float32", "accuracy", "to float32")
    title = "A trained network as it ships"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        missing = _train(folder)
        if missing:
            return Section(title, head, [[missing, *["-"] * 5]])
        rows = _rows(folder, runs)
    steps, size = TRAINING["max_steps"], TRAINING["data.resize"]
    note = (
        f"`{SPEC}` after {steps} steps on Fashion-MNIST at {size} × {size}; ONNX Runtime on one thread, batch {BATCH}, CPU time, medians of "
        f"{4 * runs + 1} runs in turn; accuracy on {COUNT:,} pictures to test on; int8 calibrated on the spec's own data."
    )
    return Section(title, head, rows, note=note)


def _train(folder: Path) -> str:
    """Train into `run`; why there is nothing to train on, if so."""
    settings = [word for key, value in TRAINING.items() for word in ("--set", f"train.{key}={value}")]
    done = subprocess.run(
        archc("train", SPEC, *settings, "-o", "run"), cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode and "A0802" in done.stderr:
        return "skipped: Fashion-MNIST is not on this machine (Debian's dataset-fashion-mnist, or `archc train --download`)"
    done.check_returncode()
    return ""


def _rows(folder: Path, runs: int) -> list[list[str]]:
    pictures, classes = _pictures(folder)
    sessions: list[Any] = []
    for at, options in enumerate(FORMS.values()):
        words = archc("compile", "run", "--onnx", f"{at}.onnx", *options)
        subprocess.run(words, cwd=folder, check=True, capture_output=True)
        sessions.append(session(folder / f"{at}.onnx", threads=1))
    right = [_accuracy(one, pictures, classes) for one in sessions]
    times = _times(sessions, pictures[:BATCH], 4 * runs + 1)
    rows = []
    for at, form in enumerate(FORMS):
        mib = (folder / f"{at}.onnx").stat().st_size / 2**20
        share = median(one[at] / one[0] for one in times)
        points = f"{100 * (right[at] - right[0]):+.2f} points"
        cells = f"{mib:.1f} MiB", f"{1000 * median(one[at] for one in times):.1f} ms", f"{share:.2f}×"
        rows.append([form, *cells, f"{right[at]:.2%}", points])
    return rows


def _times(sessions: list[Any], x: Any, count: int) -> list[list[float]]:
    """CPU seconds of a pass of each, in turn, after one that does not count."""
    found = []
    for _ in range(count + 1):
        row = []
        for one in sessions:
            start = time.process_time()
            one.run(None, {"input": x})
            row.append(time.process_time() - start)
        found.append(row)
    return found[1:]


def _pictures(folder: Path) -> tuple[Any, Any]:
    """Pictures to test on as they enter the network, and the class of each."""
    from archc.train.calibration import own_examples
    from archc.train.layout import run_spec

    own = own_examples(run_spec(folder / "run"), folder / "run", 0, COUNT)
    assert own is not None
    return own.test, own.classes


def _accuracy(one: Any, pictures: Any, classes: Any) -> float:
    found = [one.run(None, {"input": pictures[at : at + 100]})[0].argmax(1) for at in range(0, len(pictures), 100)]
    return sum(int((a == classes[100 * at :][: len(a)]).sum()) for at, a in enumerate(found)) / len(classes)
