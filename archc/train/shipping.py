"""What a compiled file is given of a run: its spec, its best weights, and its two ends. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archc.api import Spec

if TYPE_CHECKING:
    import numpy as np

    State = Mapping[str, np.ndarray[Any, Any]]


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights for a spec's network; of a run also what the metadata of an ONNX file says of its ends."""

    state: State
    metadata: dict[str, str]
    told: str
    """What is said of them."""


def best_file(folder: Path) -> Path:
    """The file of a run's best weights, which is what was written. Raises SpecError."""
    from archc.train.layout import BEST, newest

    return newest(folder, BEST)[0]


def weights_of_run(folder: Path, spec: Spec, inference_only: bool) -> Weights:
    """The best weights of a run, for `spec`. Raises SpecError."""
    from archc.train.ends import ends_of  # here and above, for weights that are not those of a run need none of it
    from archc.train.layout import BEST, class_names, run_environment, run_spec, run_state
    from archc.train.settings import settings_of

    trained = run_spec(folder)
    settings = settings_of(trained)
    state, path = run_state(folder, spec.graph, settings.ema is not None, inference_only=inference_only)
    ends = ends_of(trained, settings, class_names(run_environment(folder).get("classes")))
    match = BEST.match(path.name)
    assert match is not None
    told = f"the weights are those of epoch {match[2]}, the best of {folder}"
    return Weights(state, ends.to_metadata() if ends is not None else {}, told)
