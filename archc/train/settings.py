"""What `train:` says, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from archc.api import Spec
from archc.diagnostics import Diagnostic, Span, SpecError


@dataclass(frozen=True, slots=True)
class Choice:
    """A section with a type: which one, and its fields."""

    type: str
    fields: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.fields[name]

    def get(self, name: str) -> Any:
        """A field's value; None where the type has no such field."""
        return self.fields.get(name)


@dataclass(frozen=True, slots=True)
class Settings:
    """`train:` of a spec without mistakes; the meaning of each field stands in `archc/spec/train.py`."""

    data: Choice
    label: Choice
    loss: Choice
    weights: Mapping[str, float]
    optimizer: Choice
    schedule: Choice
    batch_size: int
    drop_last: bool
    accumulate: int
    epochs: int
    max_steps: int | None
    patience: int | None
    seed: int
    clip_norm: float | None
    ema: float | None
    precision: str
    channels_last: bool
    compile: bool
    strategy: str
    sync_batch_norm: bool
    save_every: int | None
    spans: Mapping[str, Span] = field(default_factory=dict, compare=False, repr=False)
    """Where sections and fields are written."""


def settings_of(spec: Spec) -> Settings:
    """The settings of a spec. Raises SpecError where it is wrong or says nothing of training."""
    train = spec.train
    if train is None:
        span = Span(spec.loaded.file, 1, 1, 1, 1)
        help = (
            "add `train:` with `data`, `batch_size`, `epochs` and `optimizer`, or give them by `--set train.epochs=3`"
        )
        raise SpecError([Diagnostic("A0102", "the spec has no `train`", span, help=help)])
    choices: dict[str, Any] = {}
    spans: dict[str, Span] = {}
    for name, section in train.sections.items():
        assert section is not None, name
        choices[name] = Choice(section.type, {key: given.value for key, given in section.fields.items()})
        spans[name] = section.span or train.span
        spans |= {f"{name}.{key}": given.span for key, given in section.fields.items() if given.span is not None}
    assert train.loss is not None
    values: dict[str, Any] = {key: given.value for key, given in train.fields.items()}
    spans |= {key: given.span for key, given in train.fields.items() if given.span is not None}
    weights = {name: float(str(given.value)) for name, given in train.loss.weights.items()}
    return Settings(**choices, **values, weights=weights, spans=spans)
