"""What a run is continued from, and whether that fits what it is continued with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from archc.api import Spec, load_with
from archc.train.checkpoint import State, read_checkpoint
from archc.train.data import Data
from archc.train.faults import fault
from archc.train.folder import RunFolder
from archc.train.layout import SPEC
from archc.train.progress import Progress, Unfit
from archc.train.settings import Settings

CONTINUED: Final = ("train.epochs", "train.max_steps", "train.patience", "train.save_every", "train.strategy")
"""What may be set anew when a run is continued: nothing that has acted on what is done."""


def resumed_spec(path: Path, settings_given: list[str]) -> Spec:
    """The spec of a run, with settings that do not touch what is done. Raises SpecError."""
    for text in settings_given:
        name = text.partition("=")[0].strip()
        if name not in CONTINUED:
            help = "set " + ", ".join(f"`{one}`" for one in CONTINUED) + "; for anything else begin another run"
            raise fault("A0806", f"`{name}` cannot change in a run that has begun", path, help)
    return load_with(path / SPEC, settings_given)


def check_data(environment: dict[str, Any], data: Data, path: Path) -> None:
    """Refuse other data than those that the run began with: their order is a function of their number."""
    here = counted(data)
    for word, now in here.items():
        before = environment.get(word)
        if before is not None and before != now:
            message = f"the data are not those that the run began with: {_shown(before)} then, {_shown(now)} now"
            raise fault("A0806", message, path, "give the folder of those by `--data`, or begin another run")


def counted(data: Data) -> dict[str, Any]:
    """What a run notes of its data."""
    return {"classes": list(data.classes), "examples": {"train": len(data.train), "test": len(data.test)}}


def _shown(noted: Any) -> str:
    """Names of classes, or how many examples there are."""
    if isinstance(noted, dict):
        return f"{noted.get('train')} examples to train and {noted.get('test')} to test on"
    names = [str(name) for name in noted] if isinstance(noted, list) else [str(noted)]
    return f"{len(names)} classes (" + ", ".join([*names[:5], *(["..."] if names[5:] else [])]) + ")"


def check_fit(net: nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    """Refuse the tensors of another network. Raises SpecError."""
    own, given = ({name: str(tuple(one.shape)) for name, one in some.items()} for some in (net.state_dict(), tensors))
    for name in sorted(own.keys() | given.keys()):
        there, here = given.get(name, "missing"), own.get(name, "missing")
        if there != here:
            message = f"the checkpoint is of another network: `{name}` is {there} there, {here} here"
            raise fault("A0806", message, SPEC, "put back the spec that the run began with")


def check_ends(settings: Settings, progress: Progress | None, path: Path) -> None:
    """Refuse an end that the run has passed."""
    if progress is None:
        return
    for name, limit, made in (
        ("epochs", settings.epochs, progress.epoch),
        ("max_steps", settings.max_steps, progress.step),
    ):
        if limit is not None and limit < made:
            message = f"`train.{name}` is {limit}, and the run has made {made} already"
            raise fault("A0806", message, path, f"use {made} or more")


def last_state(folder: RunFolder, checkpoint: str | None) -> tuple[State | None, Progress | None, str]:
    """The state to continue from; None where the run was ended before its first checkpoint."""
    names = folder.checkpoints.names()
    if checkpoint is not None and checkpoint not in names:
        help = "it has " + ", ".join(f"`{name}`" for name in names) if names else "it has none"
        raise fault("A0806", f"`{folder.path}` has no checkpoint `{checkpoint}`", folder.path, help)
    if not names:
        return None, None, ""
    name = checkpoint or names[-1]
    path = folder.checkpoints.folder / name
    state = read_checkpoint(path)
    try:
        return state, Progress.from_json(state.texts["archc.progress"]), name
    except (KeyError, Unfit):
        raise fault("A0805", f"the checkpoint `{name}` does not say where the run stood", path) from None
