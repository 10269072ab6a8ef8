"""The Python interface: load a spec, see what is wrong with it, compile it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archc.diagnostics import Diagnostic, Report, SourceFile, Span, SpecError, Stop
from archc.diagnostics.model import in_order
from archc.ir.graph import Graph
from archc.lower import Record, lower
from archc.source import Mapping as Section
from archc.source import Tree
from archc.spec.load import Loaded, find_shipped, load_bytes, load_path, load_texts, override
from archc.spec.merge import without_literal_claims
from archc.spec.parse import parse_spec
from archc.spec.settings import split_settings, with_settings

STDIN = "<stdin>"
"""What messages call standard input."""

if TYPE_CHECKING:
    import numpy as np
    import onnx
    import torch

    from archc.lower.train import Train
    from archc.profile import Profile
    from archc.spec.model import Spec as Parsed


@dataclass(frozen=True, eq=False)
class Spec:
    """A spec with its params set. Nothing is computed before it is asked for, and everything only once."""

    loaded: Loaded
    overrides: dict[str, Tree]
    report: Report = field(default_factory=Report)

    @cached_property
    def _lowered(self) -> tuple[Parsed, Graph, Record] | None:
        if self.loaded.tree is None:
            return None
        try:
            tree = without_literal_claims(self.loaded.tree) if self.overrides else self.loaded.tree
            spec = parse_spec(tree, self.loaded.file, self.report)
            record, _ = Record(), self.profile
            graph = lower(spec, self.overrides, self.report, record)
        except Stop:
            return None
        return (spec, graph, record) if spec is not None and graph is not None and not len(self.report) else None

    @cached_property
    def _warnings(self) -> list[Diagnostic]:
        from archc.lint import comment_faults, lint
        from archc.lint.network import Network

        if self._lowered is None:
            return comment_faults(self.loaded.file) if self.loaded.tree is not None else []
        return lint(Network(*self._lowered), self.loaded, is_varied=bool(self.overrides))

    def check(self, warnings: bool = True) -> list[Diagnostic]:
        """Everything that is wrong with the spec, in the order of the text; empty if nothing is.

        Warnings (of `severity` "warning") are looked for where there is no error, and left out on request.
        """
        _ = self._lowered
        found = self.report.sorted()
        if warnings and self._warnings:
            found = in_order([*found, *self._warnings])
        return [self.loaded.shown(one) for one in found]

    @cached_property
    def profile(self) -> Profile | None:
        """What the device takes that the spec names; None where it names none, or `check` tells why it cannot be read."""
        entry = self.loaded.tree.entries.get("profile") if self.loaded.tree is not None else None
        if entry is None or not isinstance(entry.value, Section):
            return None
        from archc.profile import profile_in

        return profile_in(entry.value, self.report, has_version=entry.key.span.file is not entry.value.span.file)

    def unfit_for(self, profile: Profile | None = None, graph: Graph | None = None) -> list[Diagnostic]:
        """What keeps the network from a device, by default from that of `profile:`, in the order of the text.

        Nothing where the spec itself is wrong. `graph` is the network at fixed sizes, where they are fixed.
        """
        profile = profile or self.profile
        if self._lowered is None or profile is None:
            return []
        from archc.lint.network import Network
        from archc.profile import check

        spec, whole, record = self._lowered
        return [self.loaded.shown(one) for one in check(Network(spec, graph or whole, record), profile)]

    @property
    def graph(self) -> Graph:
        """The typed graph. Raises SpecError if the spec is wrong; warnings are none of its business."""
        if self._lowered is None:
            raise SpecError(self.check(warnings=False))
        return self._lowered[1]

    @property
    def train(self) -> Train | None:
        """What `train:` says, its defaults filled in; None where there is no such section. Raises SpecError."""
        if self._lowered is None:
            raise SpecError(self.check(warnings=False))
        return self._lowered[2].train

    def to_yaml(self) -> str:
        """The spec as one file: `extends` merged, params at the values that are set, every field of `train:` given.

        Raises SpecError.
        """
        from archc.lower.resolved import resolved
        from archc.spec.write import to_yaml

        if self._lowered is None or self.loaded.tree is None:
            raise SpecError(self.check(warnings=False))
        tree = without_literal_claims(self.loaded.tree) if self.overrides else self.loaded.tree
        return to_yaml(resolved(plain(tree), self._lowered[2]))

    @property
    def texts(self) -> list[SourceFile]:
        """The files that the spec was read from, itself first."""
        return self.loaded.files

    def state(self, seed: int = 0) -> dict[str, np.ndarray[Any, Any]]:
        """Every tensor by its state_dict key, drawn from the distributions that the spec names. Raises SpecError."""
        from archc.backends.initialise import initialise

        graph = self.graph
        needed, there = 4 * sum(prod(tensor.shape) for _, tensor, _ in graph.tensors()), _memory()
        if there is not None and needed > there:
            message = f"the weights take {needed / 2**30:,.1f} GiB, this machine has {there / 2**30:,.1f} GiB"
            span = Span(self.loaded.file, 1, 1, 1, 1)
            raise SpecError([Diagnostic("A0003", message, span, help="narrow the network, or write Python alone")])
        return initialise(graph, seed)

    def weights(self, path: str | Path, without: Sequence[str] = (), seed: int = 0) -> dict[str, np.ndarray[Any, Any]]:
        """Every tensor by its state_dict key, from safetensors or a `.pth` checkpoint (read with weights_only).

        Tensors at or below the paths of `without` (["fc"], say) are not taken from the file but drawn by `seed`.
        Raises SpecError where the spec is wrong or the rest of the file does not fit it, name by name.
        """
        from archc.backends.initialise import initialise
        from archc.backends.weights import read_weights

        read = read_weights(path, self.graph, without=without)
        if read.state is None:
            raise SpecError(read.diagnostics)
        return initialise(self.graph, seed, read.state) if read.left else read.state

    def to_python(self) -> str:
        """The network as readable Python that imports only torch. Raises SpecError."""
        from archc.backends.python import to_python

        return to_python(self.graph)

    def to_torch(self, state: dict[str, np.ndarray[Any, Any]] | None = None, seed: int = 0) -> torch.nn.Module:
        """The network as a module with `state`, or with tensors drawn by `seed`. Raises SpecError; needs torch."""
        from archc.backends.torch import to_torch

        return to_torch(self.graph, self.state(seed) if state is None else state)

    def to_onnx(
        self,
        state: dict[str, np.ndarray[Any, Any]] | None = None,
        seed: int = 0,
        opset: int | None = None,
        *,
        fold: bool = False,
        float16: bool = False,
        batch: int | None = None,
    ) -> onnx.ModelProto:
        """The network in inference as an ONNX model, with `state` or tensors drawn by `seed`.

        `fold` puts batch norms and scales into the layers before them; `float16` is what weights and computation are in,
        but for the input and the outputs; `batch` fixes the batch. Raises SpecError; ValueError for what is out of range.
        """
        from archc.backends.onnx import DEFAULT_OPSET, Form, build

        form = Form(DEFAULT_OPSET if opset is None else opset, fold, float16, batch)
        return build(self.graph, self.state(seed) if state is None else state, form, metadata=self.metadata()).whole()

    def metadata(self) -> dict[str, str]:
        """What a compiled file says of its origin: the text of the spec and of those that it extends, and the hash of all."""
        from hashlib import sha256

        texts = [file.text for file in self.texts]
        overrides = {name: plain(tree) for name, tree in sorted(self.overrides.items())}
        found = {"archc.spec": texts[0], "archc.spec.sha256": sha256("\0".join(texts).encode()).hexdigest()}
        found |= {f"archc.extends.{at}": text for at, text in enumerate(texts[1:], start=1)}
        return {**found, "archc.params": json.dumps(overrides)} if overrides else found


def _memory() -> int | None:
    """The bytes of memory that the machine has, where it tells."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def plain(tree: Tree) -> Any:
    """A tree as plain Python data."""
    if hasattr(tree, "value"):
        return tree.value
    if hasattr(tree, "entries"):
        return {key: plain(entry.value) for key, entry in tree.entries.items()}
    return [plain(item) for item in tree.items]


def load(spec: str | Path, **params: Any) -> Spec:
    """A spec by its path, or by its name if it ships with archc (`resnet18`, `fashion_mnist/nin`); `params` override its own.

    Mistakes do not raise here: `check` lists them, and what needs a correct spec raises SpecError.
    """
    return load_with(spec, [f"{name}={json.dumps(value)}" for name, value in params.items()])


def load_with(spec: str | Path, settings: list[str], data: bytes | None = None) -> Spec:
    """A spec with params overridden by texts `name=value`, as the command line has them.

    With `data`, that is what is read, as if it stood at the path `spec`, or came from standard input where that is `-`.
    """
    report = Report()
    overrides: dict[str, Tree] = {}
    try:
        for text in settings:
            name, tree = override(text, report)
            if tree is not None:
                overrides[name] = tree
        loaded = _loaded(spec, data, report)
    except Stop:
        loaded = Loaded(None, SourceFile(str(spec), ""))
    overrides, settings_of_train = split_settings(overrides)
    if loaded.tree is not None and settings_of_train:
        loaded.tree = with_settings(loaded.tree, settings_of_train)
    return Spec(loaded, overrides, report)


def load_compiled(metadata: Mapping[str, str], name: str) -> Spec:
    """The spec that `Spec.metadata` told of: with its params, and without the files that it came from."""
    report = Report()
    texts = [metadata["archc.spec"]] if "archc.spec" in metadata else []
    while f"archc.extends.{len(texts)}" in metadata:
        texts.append(metadata[f"archc.extends.{len(texts)}"])
    try:
        params = json.loads(metadata.get("archc.params", "{}"))
    except (ValueError, RecursionError):
        params = {}
    overrides: dict[str, Tree] = {}
    loaded = Loaded(None, SourceFile(name, ""))
    with suppress(Stop):
        for key, value in params.items() if isinstance(params, dict) else ():
            set_name, tree = override(f"{key}={json.dumps(value)}", report)
            if tree is not None:
                overrides[set_name] = tree
        loaded = load_texts(texts, name, report)
    return Spec(loaded, overrides, report)


def _loaded(spec: str | Path, data: bytes | None, report: Report) -> Loaded:
    if data is not None and str(spec) == "-":
        return load_bytes(data, STDIN, Path.cwd(), report)
    path = Path(spec)
    if data is not None:
        return load_path(path, report, data=data)
    if not os.path.exists(path) or (path.is_dir() and not path.suffix):
        shipped = find_shipped(str(spec))
        if shipped is not None:
            return load_path(shipped, report, f"specs/{shipped.parent.name}/{shipped.name}")
        if path.suffix not in (".yaml", ".yml") and not os.path.isdir(path):
            return Loaded(None, _missing(str(spec), report))
    return load_path(path, report)


def _missing(name: str, report: Report) -> SourceFile:
    from archc.spec.load import shipped_specs
    from archc.spec.params import nearest

    names = sorted({key.partition("/")[2] for key in shipped_specs()})
    near = nearest(name, names)
    file = SourceFile(name, "")
    hint = (
        f"did you mean `{near}`?"
        if near
        else "give a path, or a name from " + ", ".join(f"`{known}`" for known in names)
    )
    report.add(
        Diagnostic("A0001", f"there is no file and no shipped spec `{name[:80]}`", Span(file, 1, 1, 1, 1), help=hint)
    )
    return file
