"""`train:` read: its fields with their values and places, and every mistake of form."""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass, field

from archc.diagnostics import Span
from archc.lower.env import Env, Evaluator
from archc.source import Entry, Mapping, Scalar, Tree
from archc.spec.params import Param, Required, nearest, suggestion
from archc.spec.train import FIELDS, REQUIRED, SECTIONS, WEIGHT, WORDS
from archc.spec.values import UNKNOWN, Value


@dataclass(frozen=True, slots=True)
class Given:
    """A value, and where it was written; None for a default."""

    value: Value
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A part of `train:` that has a type: `data`, `label`, `loss` or `optimizer`."""

    type: str
    span: Span | None
    """Of the type's word; None where the section is left out."""
    fields: Map[str, Given] = field(default_factory=dict)
    weights: Map[str, Given] = field(default_factory=dict)
    """Of a loss: the factor of each output that is named, at the name."""


@dataclass(frozen=True, slots=True)
class Train:
    """What `train:` says. A section with a mistake, and a value that is not known after one, is None or UNKNOWN."""

    span: Span
    fields: Map[str, Given]
    sections: Map[str, Section | None]

    @property
    def data(self) -> Section | None:
        """What it trains on."""
        return self.sections.get("data")

    @property
    def label(self) -> Section | None:
        """How the label is encoded."""
        return self.sections.get("label")

    @property
    def loss(self) -> Section | None:
        """What is minimised."""
        return self.sections.get("loss")


def read_train(tree: Mapping, env: Env, evaluator: Evaluator) -> Train:
    """What `train:` says."""
    return _Reading(env, evaluator).train(tree)


@dataclass(frozen=True, slots=True)
class _Reading:
    env: Env
    evaluator: Evaluator

    def train(self, tree: Mapping) -> Train:
        known = [*FIELDS, *SECTIONS]
        unknown = [key for key in tree.entries if key not in known]
        for key in unknown:
            self.unknown("`train`", tree.entries[key], known)
        given = {*tree.entries, *(nearest(key, known) for key in unknown)}
        missing = [key for key in REQUIRED if key not in given]
        if missing:
            names = " and no ".join(f"`{key}`" for key in missing)
            help = "add " + ", ".join(f"`{key}:`" for key in missing)
            self.evaluator.fault("A0102", f"`train` has no {names}", tree.span, self.env, help=help)
        fields = {name: self.field(param, tree.entries.get(name), name in given) for name, param in FIELDS.items()}
        sections: dict[str, Section | None] = {}
        for name in SECTIONS:
            if name in tree.entries:
                sections[name] = self.section(name, tree.entries[name].value)
            elif name in WORDS and name not in given:
                sections[name] = Section(WORDS[name], None, self.fields(SECTIONS[name][WORDS[name]], {}, set()))
        return Train(tree.span, fields, sections)

    def field(self, param: Param, entry: Entry | None, is_given: bool) -> Given:
        """One value; a default that hides a misspelt field is not known."""
        if entry is not None:
            return Given(self.evaluator.param(param, entry.value, self.env).value, entry.value.span)
        if is_given or isinstance(param.default, Required | Tree):
            return Given(UNKNOWN)
        return Given(param.default)

    def fields(self, params: tuple[Param, ...], entries: Map[str, Entry], given: set[str]) -> dict[str, Given]:
        return {param.name: self.field(param, entries.get(param.name), param.name in given) for param in params}

    def unknown(self, owner: str, entry: Entry, known: list[str]) -> None:
        key = str(entry.key.value)
        owners = [
            name
            for name, types in SECTIONS.items()
            if any(key == one.name for params in types.values() for one in params)
        ]
        inside = f"write it in `{owners[0]}`" if owner == "`train`" and owners else None
        self.evaluator.fault(
            "A0101",
            f"{owner} has no field `{key}`",
            entry.key.span,
            self.env,
            label="unknown field",
            help=suggestion(key, known, "its fields are" if known else "remove it") if inside is None else inside,
        )

    def section(self, name: str, tree: Tree) -> Section | None:
        """One section, whose type is a field of it or, for some, the section itself."""
        word = tree.get("type") if isinstance(tree, Mapping) else tree if name in WORDS else None
        if not isinstance(word, Scalar):
            types = SECTIONS[name]
            given = str(tree.value) if isinstance(tree, Scalar) else ""
            first = nearest(given, types) or next(iter(types))
            more = ", ..." * any(param.required for param in types[first])
            form = first if name in WORDS else f"{{type: {first}{more}}}"
            self.evaluator.fault("A0102", f"`{name}` has no `type`", tree.span, self.env, help=f"write `{form}`")
            return None
        type_ = self.type(name, word)
        return self.of_type(name, type_, word.span, tree) if type_ else None

    def type(self, name: str, word: Scalar) -> str | None:
        """A section's type, one of those that there are."""
        value = self.evaluator.value(word, self.env).value
        if value is UNKNOWN:
            return None
        if isinstance(value, str) and value in SECTIONS[name]:
            return value
        shown = str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value)
        self.evaluator.fault(
            "A0104",
            f"`{name}` has no type `{shown[:80]}`",
            word.span,
            self.env,
            label="unknown type",
            help=suggestion(shown, SECTIONS[name], "its types are"),
        )
        return None

    def of_type(self, name: str, type_: str, span: Span, tree: Tree) -> Section:
        """The fields of a section whose type is known."""
        entries = dict(tree.entries) if isinstance(tree, Mapping) else {}
        entries.pop("type", None)
        params = SECTIONS[name][type_]
        known = [param.name for param in params] + [WEIGHT.name] * (name == "loss")
        unknown = [key for key in entries if key not in known]
        for key in unknown:
            self.unknown(f"`{type_}`", entries[key], known)
        given = {*entries, *(nearest(key, known) for key in unknown)}
        missing = [param for param in params if param.required and param.name not in given]
        if missing:
            names = " and ".join(f"`{param.name}`" for param in missing)
            help = "add " + ", ".join(f"`{param.name}:` ({param.doc})" for param in missing)
            self.evaluator.fault("A0102", f"`{type_}` needs {names}", span, self.env, help=help)
        weights = self.weights(entries[WEIGHT.name].value) if name == "loss" and WEIGHT.name in entries else {}
        return Section(type_, span, self.fields(params, entries, given), weights)

    def weights(self, tree: Tree) -> dict[str, Given]:
        if isinstance(tree, Mapping):
            found = {key: self.field(WEIGHT, entry, True).value for key, entry in tree.entries.items()}
            return {key: Given(value, tree.entries[key].key.span) for key, value in found.items()}
        message, help = "`weights` needs a mapping", "write `{OUTPUT: FACTOR}`, with the names of outputs"
        self.evaluator.fault("A0103", message, tree.span, self.env, help=help)
        return {}
