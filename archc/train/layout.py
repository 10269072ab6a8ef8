"""The files of a run folder: what they are called, and what can be read of them without torch."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from archc.api import Spec, load_with
from archc.backends.safetensors_header import Malformed, read_texts
from archc.backends.weights import load_weights
from archc.diagnostics import SpecError
from archc.ir.graph import Graph
from archc.train.faults import fault, reason

if TYPE_CHECKING:
    import numpy as np

    State = dict[str, np.ndarray[Any, Any]]

SPEC: Final = "spec.yaml"
ENVIRONMENT: Final = "environment.json"
METRICS: Final = "metrics.csv"
CHECKPOINTS: Final = "checkpoints"
NAME: Final = re.compile(r"(\d{6})-step-(\d+)\.safetensors\Z")
BEST: Final = re.compile(r"best-(\d{6})-epoch-(\d+)\.safetensors\Z")
LARGEST: Final = 2**20
"""Bytes of a text of a run that is read."""

MOST_CLASSES: Final = 100_000
ENTRIES: Final[dict[str, tuple[Callable[[object], bool], str]]] = {
    "data": (lambda told: isinstance(told, str), "the path of a folder"),
    "threads": (lambda told: type(told) is int and 1 <= told <= 1024, "a number from 1 to 1024"),
}
"""What a run is continued by of its `environment.json`: whether a value is one, and what it is."""


def is_run(folder: Path) -> bool:
    """Whether a run has begun there."""
    return os.path.isfile(folder / SPEC) and os.path.isfile(folder / ENVIRONMENT)


def run_spec(folder: Path, settings: list[str] | None = None) -> Spec:
    """The spec of a run. Raises SpecError where the folder is none."""
    if not is_run(folder):
        help = f"give the folder of a run, which has a {SPEC} and an {ENVIRONMENT}"
        raise fault("A0806", f"`{folder}` is not a run", folder, help)
    return load_with(folder / SPEC, settings or [])


def run_environment(folder: Path) -> dict[str, Any]:
    """What was written of the machine and the data. Raises SpecError."""
    try:
        data = json.loads(read_text(folder / ENVIRONMENT))
        if not isinstance(data, dict):
            raise ValueError("it is no object")
    except (OSError, ValueError, RecursionError) as error:
        help = f"give the folder of a run, which has a {SPEC} and an {ENVIRONMENT}"
        raise fault("A0806", f"`{folder}` is not a run: {ENVIRONMENT}: {reason(error)}", folder, help) from None
    for name, (is_sound, what) in ENTRIES.items():
        if name in data and not is_sound(data[name]):
            message = f"`{name}` is {json.dumps(data[name])[:80]} in `{folder / ENVIRONMENT}`, where {what} is due"
            raise fault("A0806", message, folder / ENVIRONMENT, f"correct `{name}`, or take it out")
    return data


def read_text(path: Path) -> str:
    """A text of a run. Raises OSError, and ValueError where it is too large or no text."""
    with open(path, "rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise ValueError(f"it is larger than {LARGEST // 2**10:,} KiB")
    return data.decode()


def class_names(told: object) -> tuple[str, ...]:
    """The names of classes that a file tells of; empty where it tells of none."""
    if not isinstance(told, list) or len(told) > MOST_CLASSES:
        return ()
    return tuple(told) if all(isinstance(name, str) and len(name) <= 255 for name in told) else ()


# -- checkpoints ------------------------------------------------------------------------------------------------------------


def checkpoint_names(folder: Path, pattern: re.Pattern[str] = NAME) -> list[str]:
    """The names of the checkpoints in a folder, the oldest first."""
    try:
        return sorted(name for name in os.listdir(folder) if pattern.match(name))
    except OSError:
        return []


def checksum_path(path: Path) -> Path:
    """The file beside a checkpoint, in the form that `sha256sum --check` reads."""
    return path.with_name(path.name + ".sha256")


def checked(path: Path) -> bytes:
    """The bytes of a checkpoint, which are those that were written. Raises SpecError."""
    try:
        data = path.read_bytes()
        told = checksum_path(path).read_bytes().split(b" ")[0].decode("ascii", "replace")
    except OSError as error:
        name = Path(error.filename or path).name
        raise damaged(path, f"`{name}`: {(error.strerror or str(error)).lower()}") from None
    if sha256(data).hexdigest() != told:
        raise damaged(path, "its SHA-256 is not the one beside it")
    return data


def damaged(path: Path, why: str) -> SpecError:
    """A checkpoint is not what was written; another one is offered where there is one."""
    others = [name for name in checkpoint_names(path.parent) if name < path.name]
    help = "begin again in another folder"
    if BEST.match(path.name):
        help = "use the last one by `--last`" if others else "train again in another folder"
    elif others:
        help = f"continue from the one before it: `archc train --resume {path.parent.parent} --from {others[-1]}`"
    return fault("A0805", f"the checkpoint `{path.name}` is damaged: {why}", path, help)


def newest(folder: Path, pattern: re.Pattern[str]) -> tuple[Path, bytes]:
    """The newest checkpoint of a kind, and its bytes. Raises SpecError where there is none, or it is damaged."""
    while True:
        names = checkpoint_names(folder / CHECKPOINTS, pattern)
        if not names:
            what = "no epoch has ended" if pattern is BEST else "nothing was kept yet"
            raise fault("A0806", f"{what} in `{folder}`", folder, f"let it run on: `archc train --resume {folder}`")
        path = folder / CHECKPOINTS / names[-1]
        try:
            return path, checked(path)
        except SpecError:
            if checkpoint_names(folder / CHECKPOINTS, pattern)[-1:] == names[-1:]:
                raise
            continue  # a run at work has put another one in its place


def run_state(
    folder: Path, graph: Graph, is_averaged: bool, *, last: bool = False, inference_only: bool = False
) -> tuple[State, Path]:
    """The tensors that a run came to, its best or its last ones, and the file that they are from. Raises SpecError."""
    path, data = newest(folder, NAME if last else BEST)
    prefix = ("average.module." if is_averaged else "model.") if last else ""
    state, found = load_weights(path, graph, inference_only=inference_only, data=data, prefix=prefix)
    if state is None:
        raise SpecError(found)
    return state, path


def texts_of(path: Path) -> Mapping[str, str]:
    """The texts in a checkpoint; none where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return read_texts(file, os.fstat(file.fileno()).st_size)
    except (OSError, Malformed):
        return {}
