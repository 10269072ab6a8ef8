"""The folder of a run: what was trained, on what, how it went, and the checkpoints."""

from __future__ import annotations

import csv
import io
import os
import platform
from collections.abc import Callable, Iterable
from dataclasses import asdict, fields
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from archc.backends.files import write_whole
from archc.train.checkpoint import Checkpoints
from archc.train.events import Events
from archc.train.faults import fault, reason, unwritable
from archc.train.layout import CHECKPOINTS, METRICS, SPEC, run_environment
from archc.train.progress import Progress, Row

STEPS: Final = "steps.csv"
LOG: Final = "log.txt"
CURVES: Final = "curves.png"
EVENTS: Final = "events"
STEPS_HEAD: Final = "step,epoch,lr,loss"
PACKAGES: Final = ("torch", "lightning", "torchmetrics", "numpy", "safetensors", "torchvision", "scikit-learn")


class RunFolder:
    """The files of a run. What cannot be written raises SpecError; each file but the logs appears whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = Checkpoints(path / CHECKPOINTS)
        self.events = Events(path / EVENTS)
        self._steps: list[str] = []

    @property
    def is_run(self) -> bool:
        """Whether a run has begun here."""
        return os.path.isfile(self.path / SPEC)

    def make(self) -> None:
        """Make the folder."""
        try:
            (self.path / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(self.path, error) from None

    def write(self, name: str, content: str | bytes) -> None:
        """Write a file of the run."""
        try:
            write_whole(self.path / name, content.encode() if isinstance(content, str) else content)
        except OSError as error:
            raise unwritable(self.path / name, error) from None

    def log(self, line: str) -> None:
        """Add a line to the log, with the time."""
        self._append(LOG, f"{datetime.now().astimezone().isoformat(timespec='seconds')} {line}\n")

    def note_step(self, step: int, epoch: int, lr: float, loss: float) -> None:
        """Remember a step for `steps.csv`, which is written with checkpoints."""
        self._steps.append(f"{step},{epoch},{lr!r},{loss!r}\n")

    def flush_steps(self) -> None:
        """Write the steps that are remembered."""
        if self._steps:
            self._append(STEPS, "".join(self._steps))
            self._steps.clear()

    def keep_steps(self, last: int) -> None:
        """Begin `steps.csv`, or drop what it says of steps after `last`, which will be made again. Raises SpecError."""
        path = self.path / STEPS
        try:
            lines = path.read_text(encoding="utf-8").split("\n") if os.path.isfile(path) else []
            kept = [line for line in lines[1:] if line.count(",") == 3 and int(line.partition(",")[0]) <= last]
        except (OSError, ValueError) as error:
            help = "mend or remove the file: the run goes on without what it says of the steps until now"
            raise fault("A0806", f"`{path}` cannot be read: {reason(error)}", path, help) from None
        self.write(STEPS, "".join(f"{line}\n" for line in (STEPS_HEAD, *kept)))

    def write_metrics(self, rows: Iterable[Row]) -> None:
        """Write `metrics.csv`, a row for each epoch."""
        stream = io.StringIO()
        writer = csv.DictWriter(stream, [one.name for one in fields(Row)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
        self.write(METRICS, stream.getvalue())

    def _append(self, name: str, text: str) -> None:
        try:
            with open(self.path / name, "a", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise unwritable(self.path / name, error) from None

    def environment(self) -> dict[str, Any]:
        """What was written of the machine and the data."""
        return run_environment(self.path)


def new_folder(name: str, given: Path | None) -> Path:
    """Where a run goes: the folder that is given, else `runs/NAME-DATE`."""
    if given is not None:
        return given
    base = Path("runs") / f"{name}-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    path, count = base, 2
    while path.exists():
        path, count = base.with_name(f"{base.name}-{count}"), count + 1
    return path


def environment_of(**more: Any) -> dict[str, Any]:
    """Versions, the machine, and what else is to be known of a run."""
    from archc.version import __version__

    started = datetime.now().astimezone().isoformat(timespec="seconds")
    found = {
        "started": started,
        "archc": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return {**found, **more}


def summary_lines(progress: Progress, folder: Path) -> list[str]:
    """What is said at the end."""
    speed = progress.examples / progress.training if progress.training else 0.0
    lines = [f"{speed:,.0f} examples/s, {progress.seconds:,.1f} s in all"]
    best = progress.best
    if best is not None:
        shown = f"accuracy {best.test_accuracy:.3f}" if best.test_accuracy is not None else f"loss {best.test_loss:.4f}"
        lines.append(f"best test {shown}, after epoch {best.epoch}")
    return [*lines, f"the run is in {folder}"]


def epoch_line(row: Row, epochs: int, seconds: float) -> str:
    """What is said of an epoch."""
    parts = [f"epoch {row.epoch:>{len(str(epochs))}}/{epochs}", f"train loss {row.train_loss:.4f}"]
    if row.train_accuracy is not None:
        parts.append(f"train accuracy {row.train_accuracy:.3f}")
    if row.test_accuracy is not None:
        parts.append(f"test accuracy {row.test_accuracy:.3f}")
    else:
        parts.append(f"test loss {row.test_loss:.4f}")
    return "  ".join([*parts, f"{seconds:.1f} s"])


Say = Callable[[str], None]
