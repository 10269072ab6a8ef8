"""Reads the profile of a device: a YAML file that says what it takes."""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from pathlib import Path

from archc.backends.onnx.known import OPSETS, is_operator, operators
from archc.diagnostics import Report, Span
from archc.lower.budget import MEASURES, amount_of
from archc.source import Mapping, Scalar, Tree, parse, read_file
from archc.spec.params import Fault, Param, conform, suggestion
from archc.spec.profile import BYTES, FIELDS, LIMITS
from archc.spec.reader import Reader, what


@dataclass(frozen=True, slots=True)
class Bound:
    """A number, and where the profile states it."""

    value: float
    span: Span


@dataclass(frozen=True, slots=True)
class Profile:
    """What a device takes; what is not said is not bounded."""

    name: str
    opset: int
    opset_span: Span | None = None
    """Where `opset` is; None where it is the default."""
    fold: bool = False
    precision: str = "float32"
    ops: frozenset[str] = frozenset()
    ops_span: Span | None = None
    """Where `ops` is; None where every operator will do."""
    fixed_sizes: Span | None = None
    """Where `free_sizes: false` is, if it is."""
    limits: Map[str, Bound] = field(default_factory=dict)
    budget: Map[str, Bound] = field(default_factory=dict)


def read_profile(path: str | Path, report: Report) -> Profile | None:
    """The profile in a file, or None with diagnostics in `report`."""
    file, found = read_file(Path(path), wanted="the profile of a device, a YAML file")
    report.extend(found)
    if found:
        return None
    tree, found = parse(file)
    report.extend(found)
    if tree is None:
        return None
    top = Reader(report).mapping(tree, "a profile")
    made = profile_in(top, report) if top is not None else None
    return made if not len(report) else None


def profile_in(tree: Mapping, report: Report, has_version: bool = True) -> Profile | None:
    """The profile that a tree says, or None with diagnostics; one within a spec has the version of that."""
    own = Report()
    made = _ProfileReader(own).profile(tree, has_version)
    report.extend(own)
    return made if not len(own) else None


class _ProfileReader(Reader):
    """Reads one profile, field by field."""

    def profile(self, tree: Mapping, has_version: bool) -> Profile:
        """The whole of it."""
        tree, given = self.fields(tree, FIELDS, "a profile")
        for key in ("archc_profile", "name"):
            if key not in given and (key == "name" or has_version):
                help = "write `archc_profile: 1` at its top" if key == "archc_profile" else "name the device"
                self.error("A0102", f"a profile needs `{key}`", tree.span, "it is missing", help)
        version = tree.get("archc_profile")
        if version is not None and not (isinstance(version, Scalar) and version.value == 1):
            self.error("A0106", "this is no version of the format", version.span, "version 1 is known", "write `1`")
        name = self.string(tree.get("name"), "name")
        precision = self._choice(tree.get("precision"), "precision", tuple(BYTES)) or "float32"
        opset, ops, sizes = tree.get("opset"), tree.get("ops"), tree.get("free_sizes")
        is_free = self.boolean(sizes, "free_sizes", True)
        return Profile(
            name=str(name.value) if name is not None else "the device",
            opset=int(self._number(opset, "opset", OPSETS[0], OPSETS[-1], 20)),
            opset_span=opset.span if opset is not None else None,
            fold=self.boolean(tree.get("fold"), "fold"),
            precision=precision,
            ops=self._ops(ops),
            ops_span=ops.span if ops is not None else None,
            fixed_sizes=sizes.span if sizes is not None and not is_free else None,
            limits=self._limits(tree),
            budget=self._budget(self.mapping(tree.get("budget"), "budget")),
        )

    def _number(self, tree: Tree | None, name: str, low: float, high: float | None, default: float) -> float:
        if tree is None:
            return default
        try:
            if not isinstance(tree, Scalar):
                raise Fault("A0103", f"`{name}` needs an int", f"this is {what(tree)}", "write an int")
            found = conform(Param(name, "int", min=low, max=high), tree.value)
        except Fault as fault:
            self.error(fault.code, fault.message, tree.span, fault.label, fault.help)
            return default
        return found if isinstance(found, int) else default

    def _choice(self, tree: Tree | None, name: str, choices: tuple[str, ...]) -> str | None:
        word = self.string(tree, name)
        if word is None or word.value in choices:
            return None if word is None else str(word.value)
        help = suggestion(str(word.value), choices, "use one of")
        self.error(
            "A0104", f"`{name}` has no choice `{str(word.value)[:80]}`", word.span, "not one of the choices", help
        )
        return None

    def _ops(self, tree: Tree | None) -> frozenset[str]:
        found = set()
        names = self.sequence(tree, "ops")
        for item in names.items if names is not None else ():
            word = self.string(item, "an operator")
            if word is not None and not is_operator(str(word.value)):
                help = suggestion(str(word.value), operators(), "write an operator of https://onnx.ai/onnx/operators/")
                self.error(
                    "A0104", f"ONNX has no operator `{str(word.value)[:80]}`", word.span, "unknown operator", help
                )
            elif word is not None:
                found.add(str(word.value))
        return frozenset(found)

    def _limits(self, tree: Mapping) -> dict[str, Bound]:
        given = {name: value for name in LIMITS if (value := tree.get(name)) is not None}
        return {name: Bound(self._number(value, name, 1, None, 1), value.span) for name, value in given.items()}

    def _budget(self, tree: Mapping | None) -> dict[str, Bound]:
        if tree is None:
            return {}
        tree, _ = self.fields(tree, MEASURES, "`budget`")
        found = {}
        for name, entry in tree.entries.items():
            if name not in MEASURES:
                continue
            try:
                value = entry.value.value if isinstance(entry.value, Scalar) else None
                found[name] = Bound(amount_of(name, value), entry.value.span)
            except Fault as fault:
                self.error(fault.code, fault.message, entry.value.span, fault.label, fault.help)
        return found
