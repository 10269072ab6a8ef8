"""A trained network that answers batches: the one of a run, of a spec and its weights, or of an ONNX file."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from archc.api import Spec, load_compiled
from archc.backends.onnx.read import Read, Refused, read_onnx
from archc.diagnostics import SpecError
from archc.train.ends import INPUT, Ends, ends_in, ends_of
from archc.train.faults import fault
from archc.train.layout import class_names, run_environment, run_spec, run_state
from archc.train.settings import settings_of

Outputs = tuple[torch.Tensor, ...]
State = Mapping[str, np.ndarray[Any, Any]]


@dataclass(frozen=True, slots=True)
class Trained:
    """A network as it acts in inference."""

    path: Path
    """The file that its weights are from."""
    answer: Callable[[torch.Tensor], Outputs]
    """Its live outputs for inputs (N, ...), both on the CPU. Raises SpecError where they do not fit."""
    spec: Spec | None
    ends: Ends | None
    """None where it was not trained on pictures of classes."""
    data: str = ""
    """The folder of what it was trained on, where that is known."""


def of_run(folder: Path, last: bool, device: str = "cpu") -> Trained:
    """The best network of a run, or its last one. Raises SpecError."""
    spec = run_spec(folder)
    settings = settings_of(spec)
    environment = run_environment(folder)
    state, path = run_state(folder, spec.graph, settings.ema is not None, last=last)
    ends = ends_of(spec, settings, class_names(environment.get("classes")))
    data = environment.get("data")
    return Trained(path, _answers(spec, state, device), spec, ends, data if isinstance(data, str) else "")


def of_weights(spec: Spec, path: Path, device: str = "cpu") -> Trained:
    """The network of a spec with weights from a file, or from a run. Raises SpecError."""
    settings = settings_of(spec)
    if os.path.isdir(path):
        is_averaged = settings_of(run_spec(path)).ema is not None
        state, path = run_state(path, spec.graph, is_averaged)
    else:
        state = spec.weights(path)
    return Trained(path, _answers(spec, state, device), spec, ends_of(spec, settings))


def _answers(spec: Spec, state: State, device: str) -> Callable[[torch.Tensor], Outputs]:
    net = spec.to_torch(dict(state)).eval().to(device)

    @torch.inference_mode()
    def answer(inputs: torch.Tensor) -> Outputs:
        outputs = net(inputs.to(device))
        return tuple(one.cpu() for one in ((outputs,) if isinstance(outputs, torch.Tensor) else outputs))

    return answer


def of_onnx(path: Path) -> Trained:
    """The network in an ONNX file, run by onnxruntime on the CPU. Raises SpecError."""
    try:
        read = read_onnx(path)
    except (Refused, OSError) as error:
        why = (error.strerror or str(error)).lower() if isinstance(error, OSError) else str(error)
        raise fault("A0810", f"the model cannot be read: {why}", path, "give a file that archc compiled") from None
    spec = load_compiled(read.metadata, str(path)) if "archc.spec" in read.metadata else None
    ends = ends_in(read.metadata, path) if INPUT in read.metadata else None
    return Trained(path, _session(read, path), spec, ends)


def _session(read: Read, path: Path) -> Callable[[torch.Tensor], Outputs]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(read.data, options, providers=["CPUExecutionProvider"])
        (taken,) = session.get_inputs()
    except Exception as error:  # onnxruntime documents no list of what a broken file raises
        raise _refused("onnxruntime refuses the model", error, path) from None

    def answer(inputs: torch.Tensor) -> Outputs:
        try:
            return tuple(map(torch.from_numpy, session.run(None, {taken.name: inputs.numpy()})))
        except Exception as error:  # as above
            shapes = f"it takes {taken.type} {taken.shape}, and was given {tuple(inputs.shape)}"
            raise _refused("onnxruntime cannot run the model", error, path, shapes) from None

    return answer


def _refused(message: str, error: Exception, path: Path, *notes: str) -> SpecError:
    why = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    return fault("A0810", f"{message}: {why}", path, "compile it again by `archc compile RUN_DIR --onnx`", notes)
