"""What lowering knows of a network beyond its graph: where each node came from, and which definitions were used."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

from archc.blocks.library import Library
from archc.diagnostics import Span
from archc.lower.env import Env, Use
from archc.spec.model import Definition, Stage
from archc.spec.values import Bound

if TYPE_CHECKING:
    from archc.lower.train import Train


WIDTH_FIELDS: Final = ("out_channels", "out_features")
"""Fields that set the channels of the output."""


@dataclass(frozen=True, eq=False)
class Site:
    """Where a node came from: the stage as it was written, what gave each field, and the uses of blocks around it."""

    stage: Stage
    bind: Callable[[Env], Mapping[str, tuple[Bound, Span]]]
    env: Env

    @cached_property
    def arguments(self) -> Mapping[str, tuple[Bound, Span]]:
        """Each field's value, and the span of what gave it; bound when somebody asks."""
        return self.bind(self.env)

    @property
    def width(self) -> str | None:
        """The field that sets the channels of the output, if there is one."""
        return next((field for field in WIDTH_FIELDS if field in self.arguments), None)

    def is_given(self, field: str) -> bool:
        """Whether the stage, a block or `defaults` says the field, rather than the type's own default."""
        return field in self.arguments and self.arguments[field][1] is not self.stage.span

    def moved(self, uses: tuple[Use, ...], depth: int) -> Site:
        """The same stage where other uses led to it, in place of the first `depth`."""
        return Site(self.stage, self.bind, replace(self.env, uses=(*uses, *self.env.uses[depth:])))


@dataclass(slots=True, eq=False)
class Record:
    """Filled by `lower`."""

    sites: dict[str, Site] = field(default_factory=dict)
    """By the node's path."""
    definitions: dict[str, Definition] = field(default_factory=dict)
    """The definitions that the network uses, by name."""
    train: Train | None = None
    """What `train:` says."""
    params: Mapping[str, Bound] = field(default_factory=dict)
    """The spec's params with their values."""

    def keep(self, sites: Mapping[str, Site], used: Collection[str], library: Library) -> None:
        """Note what is known when the network itself, and nothing else, has been lowered."""
        self.sites = dict(sites)
        found = {name: library.find(name) for name in sorted(used)}
        self.definitions = {name: type_ for name, type_ in found.items() if isinstance(type_, Definition)}
