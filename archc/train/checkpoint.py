"""Checkpoints: safetensors files that appear whole or not at all, with their SHA-256 beside them.

A checkpoint is made in memory. Its checksum is written first, under the name that the checkpoint will have, then the file
under another name, synced, renamed, and the folder synced: a file that has its name is whole. Names are never used twice.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from archc.backends.files import write_whole
from archc.train.faults import unwritable
from archc.train.layout import BEST, NAME, checked, checkpoint_names, checksum_path, damaged
from archc.train.sharding import like


@dataclass(frozen=True, slots=True)
class State:
    """Tensors by name, and texts."""

    tensors: Mapping[str, torch.Tensor]
    texts: Mapping[str, str] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """As a safetensors file."""
        plain = {name: tensor.detach().cpu().contiguous() for name, tensor in self.tensors.items()}
        return save(_unshared(plain), metadata=dict(self.texts))

    def below(self, prefix: str) -> dict[str, torch.Tensor]:
        """The tensors whose names begin with `prefix`, without it."""
        return {name[len(prefix) :]: one for name, one in self.tensors.items() if name.startswith(prefix)}


def _unshared(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Each tensor in memory of its own, as safetensors asks."""
    seen: set[int] = set()
    for name, tensor in tensors.items():
        place = tensor.untyped_storage().data_ptr()
        if place in seen:
            tensors[name] = tensor.clone()
        seen.add(place)
    return tensors


class Checkpoints:
    """The checkpoints of a run folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.previous = ""
        """The one that this process saved last or continued from: it is kept until the next but one is there."""

    def names(self, pattern: re.Pattern[str] = NAME) -> list[str]:
        """Their names, the oldest first."""
        return checkpoint_names(self.folder, pattern)

    def best(self) -> Path | None:
        """The weights of the best epoch."""
        names = self.names(BEST)
        return self.folder / names[-1] if names else None

    def save(self, state: State, step: int) -> str:
        """Write the state of a step, and remove all others but the one before it. Raises SpecError."""
        name = f"{self._next():06}-step-{step}.safetensors"
        self._write(name, state)
        self._remove([old for old in self.names() if old not in (name, self.previous)])
        self.previous = name
        return name

    def save_best(self, state: State, epoch: int) -> str:
        """Write the weights of the best epoch, beside those of earlier ones. Raises SpecError."""
        name = f"best-{self._next(BEST):06}-epoch-{epoch}.safetensors"
        self._write(name, state)
        return name

    def keep_best(self, epoch: int) -> None:
        """Remove the weights of all epochs but one, if those of that one are there."""
        names = self.names(BEST)
        kept = [name for name in names if (match := BEST.match(name)) and int(match[2]) == epoch][-1:]
        if kept:
            self._remove([name for name in names if name not in kept])

    def _next(self, pattern: re.Pattern[str] = NAME) -> int:
        used = [pattern.match(name) for name in self.names(pattern)]
        return max((int(match[1]) for match in used if match), default=0) + 1

    def _write(self, name: str, state: State) -> None:
        data = state.to_bytes()
        path = self.folder / name
        try:
            write_whole(checksum_path(path), f"{sha256(data).hexdigest()}  {name}\n".encode())
            write_whole(path, data)
            sync_folder(self.folder)
        except OSError as error:
            with suppress(OSError):
                checksum_path(path).unlink()
            raise unwritable(path, error) from None

    def _remove(self, names: list[str]) -> None:
        for name in names:
            with suppress(OSError):
                (self.folder / name).unlink()
                checksum_path(self.folder / name).unlink()


def sync_folder(folder: Path) -> None:
    """Make the names in a folder last. Raises OSError."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_checkpoint(path: Path) -> State:
    """A checkpoint whose bytes are those that were written. Raises SpecError, which offers another one if there is one."""
    data = checked(path)
    try:
        texts = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")]).get("__metadata__", {})
        return State(load(data), texts)
    except (SafetensorError, ValueError) as error:
        raise damaged(path, str(error)) from None


# -- an optimizer's state as tensors and numbers ---------------------------------------------------------------------------


def flattened(optimizer: torch.optim.Optimizer, prefix: str) -> tuple[dict[str, torch.Tensor], str]:
    """The tensors of an optimizer's state by `prefix`, the number of the parameter and the name; the rest as text."""
    tensors, others = {}, {}
    for at, values in optimizer.state_dict()["state"].items():
        for name, value in values.items():
            if isinstance(value, torch.Tensor):
                tensors[f"{prefix}{at}.{name}"] = value
            else:
                others[f"{at}.{name}"] = value
    return tensors, json.dumps(others)


def restore(optimizer: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor], others: str) -> None:
    """Put back what `flattened` gave."""
    state: dict[int, dict[str, Any]] = {}
    params = [param for group in optimizer.param_groups for param in group["params"]]
    for key, value in {**json.loads(others), **tensors}.items():
        at, _, name = key.partition(".")
        state.setdefault(int(at), {})[name] = like(value, params[int(at)]) if key in tensors else value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
