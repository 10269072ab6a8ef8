"""Runs beside each other: what each came to, and in which settings they differ. Needs no torch."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from archc.api import plain
from archc.diagnostics import Diagnostic, SpecError
from archc.train.faults import fault, finite, reason
from archc.train.layout import (
    CHECKPOINTS,
    METRICS,
    SPEC,
    checkpoint_names,
    is_run,
    read_text,
    run_environment,
    run_spec,
    texts_of,
)
from archc.train.lock import is_locked
from archc.train.progress import Progress, Row, Unfit

MOST_RUNS: Final = 10_000
Settings = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Best:
    """The best epoch of a run."""

    epoch: int
    test_loss: float
    test_accuracy: float | None


@dataclass(frozen=True, slots=True)
class Summary:
    """A run in a line. Losses and accuracies are those of the last epoch, and None before the first has ended."""

    folder: str
    name: str
    """Of the network."""
    started: str
    """The time, as ISO 8601 has it; empty where it is not known."""
    state: str
    """`running`, `ended`, or `stopped` where it can be continued."""
    epoch: int
    """Epochs that are done."""
    epochs: int
    step: int
    train_loss: float | None
    train_accuracy: float | None
    test_loss: float | None
    test_accuracy: float | None
    best: Best | None
    examples_per_second: float | None
    seconds: float | None
    settings: Settings
    """Where the runs differ, `train.optimizer.lr` say; `network` is a hash of all but `params` and `train`."""

    def to_json(self) -> dict[str, Any]:
        """Under stable names."""
        found: dict[str, Any] = finite(asdict(self))
        return found


def compare(folder: Path) -> tuple[list[Summary], list[Diagnostic]]:
    """The runs in a folder, or the one that it is, by their time; and what is wrong with any. Raises SpecError."""
    folders = [folder] if is_run(folder) else _runs_in(folder)
    summaries: list[Summary] = []
    found: list[Diagnostic] = []
    for one in folders:
        try:
            summaries.append(_summary(one))
        except SpecError as error:
            found += error.diagnostics
    differing = _differing([summary.settings for summary in summaries])
    told = [
        replace(one, settings={key: one.settings[key] for key in differing if key in one.settings}) for one in summaries
    ]
    return sorted(told, key=lambda one: (one.started, one.folder)), found


def _runs_in(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir())
    except OSError as error:
        help = "give a folder with runs, or that of a run"
        why = (error.strerror or str(error)).lower()
        raise fault("A0806", f"`{folder}` cannot be read: {why}", folder, help) from None
    runs = [folder / name for name in names if is_run(folder / name)]
    if not runs or len(runs) > MOST_RUNS:
        message = (
            f"there are more than {MOST_RUNS:,} runs in `{folder}`" if runs else f"there are no runs in `{folder}`"
        )
        raise fault("A0806", message, folder, "give a folder with runs, or that of a run")
    return runs


def _summary(folder: Path) -> Summary:
    spec = run_spec(folder)
    if spec.loaded.tree is None:
        raise SpecError(spec.check(warnings=False))
    tree = plain(spec.loaded.tree)
    train = tree.get("train")
    train = train if isinstance(train, dict) else {}
    started = run_environment(folder).get("started")
    progress = _progress(folder)
    rows = _rows(folder / METRICS, len(progress.rows) if progress is not None else 0)
    best = max(rows, key=lambda row: row.score) if rows else None
    last = rows[-1] if rows else None
    return Summary(
        folder=str(folder),
        name=str(tree.get("name", "")),
        started=started if isinstance(started, str) else _written(folder / SPEC),
        state=_state(folder, train, progress),
        epoch=last.epoch if last is not None else 0,
        epochs=_int(train.get("epochs")),
        step=progress.step if progress is not None else 0,
        train_loss=last.train_loss if last is not None else None,
        train_accuracy=last.train_accuracy if last is not None else None,
        test_loss=last.test_loss if last is not None else None,
        test_accuracy=last.test_accuracy if last is not None else None,
        best=Best(best.epoch, best.test_loss, best.test_accuracy) if best is not None else None,
        examples_per_second=progress.examples / progress.training
        if progress is not None and progress.training
        else None,
        seconds=max((one.seconds for one in (progress, last) if one is not None), default=None),
        settings=_settings(tree),
    )


def _written(path: Path) -> str:
    return datetime.fromtimestamp(path.stat().st_mtime).astimezone().isoformat(timespec="seconds")


def _int(value: object) -> int:
    return value if type(value) is int else 0


def _progress(folder: Path) -> Progress | None:
    """Where the run stood when it was kept last."""
    names = checkpoint_names(folder / CHECKPOINTS)
    try:
        found = Progress.from_json(texts_of(folder / CHECKPOINTS / names[-1])["archc.progress"])
    except (IndexError, KeyError, Unfit):
        return None
    is_sound = all(type(number) in (int, float) for number in (found.examples, found.seconds, found.training))
    return found if is_sound else None


def _state(folder: Path, train: Settings, progress: Progress | None) -> str:
    if is_locked(folder):
        return "running"
    if progress is None:
        return "stopped"
    ends = (value if type(value := train.get(name)) is int else None for name in ("max_steps", "patience"))
    return "ended" if progress.ended_by(_int(train.get("epochs")), *ends) else "stopped"


def _rows(path: Path, least: int) -> list[Row]:
    """The epochs that `metrics.csv` has, `least` or more; none before the first has ended. Raises SpecError."""
    names = [one.name for one in fields(Row)]
    try:
        text = read_text(path)
        if text.split("\n")[0].split(",") != names:
            raise ValueError("its first line is not that of a run")
        if not text.endswith("\n"):
            raise ValueError("it is cut off in its last line")
        rows = [_row(values) for values in csv.DictReader(io.StringIO(text), strict=True)]
        if len(rows) < least:
            raise ValueError(f"it has {len(rows)} epochs, the last checkpoint {least}")
        return rows
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, KeyError, csv.Error) as error:
        raise fault("A0806", f"`{path}` cannot be read: {reason(error)}", path, "remove it, or the run") from None


def _row(values: Mapping[str, str]) -> Row:
    if None in values or None in values.values():
        raise ValueError("an epoch has more or fewer numbers than the first line says")
    numbers = {one.name: values[one.name] for one in fields(Row)}
    whole = {name: int(numbers.pop(name)) for name in ("epoch", "step")}
    made: dict[str, Any] = {name: float(text) if text else None for name, text in numbers.items()}
    missing = [name for name, value in made.items() if value is None and not name.endswith("_accuracy")]
    if missing:
        raise ValueError(f"an epoch has no {missing[0]}")
    return Row(**whole, **made)


# -- settings ---------------------------------------------------------------------------------------------------------------


def _settings(tree: Mapping[str, Any]) -> Settings:
    """What a run was set to, by dotted paths; the network itself as a hash."""
    others = {key: value for key, value in tree.items() if key not in ("name", "doc", "params", "train", "archc")}
    found = dict(_leaves("params", tree.get("params", {}))) | dict(_leaves("train", tree.get("train", {})))
    return {**found, "network": sha256(json.dumps(others, sort_keys=True).encode()).hexdigest()[:8]}


def _leaves(path: str, value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in _leaves(f"{path}.{key}", inner)]
    return [(path, value)]


def _differing(settings: Sequence[Settings]) -> list[str]:
    """The paths at which not all runs say the same."""
    paths = list(dict.fromkeys(path for one in settings for path in one))
    absent = object()
    return [path for path in paths if any(one.get(path, absent) != settings[0].get(path, absent) for one in settings)]
