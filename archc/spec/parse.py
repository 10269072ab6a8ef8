"""A merged tree to a Spec: every field read once, every mistake of form reported."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from archc.diagnostics import Label, Report, SourceFile, Span
from archc.diagnostics.fixes import inserted_line, retyped
from archc.diagnostics.model import Fix
from archc.source import Entry, Mapping, Scalar, Sequence, Tree
from archc.spec.model import (
    STAGE_FIELDS,
    AxisSpec,
    Definition,
    InputSpec,
    OutputSpec,
    Reference,
    Spec,
    Stage,
)
from archc.spec.params import KINDS, REQUIRED, Kind, Param, Required, meant, nearest, suggestion
from archc.spec.reader import NAME, NUMBER, Reader, misspelt, respelt, what
from archc.spec.values import Value, is_number

SPEC_FIELDS: Final = {
    "archc": "the version of the language: 1",
    "name": "the network's name",
    "doc": "a sentence for the reader",
    "input": "what enters: channels and sizes",
    "params": "values to change from outside",
    "blocks": "types defined in this spec",
    "defaults": "fields of every use of a type",
    "stages": "the network, in order",
    "outputs": "its results; the last stage by default",
    "expect": "claims about shapes, by path",
    "budget": "bounds on parameters, MACs, bytes",
    "aliases": "older parts of names in weights files",
    "init": "distributions to draw tensors from, by type",
    "train": "how to train it",
    "profile": "the device that it is for: the file of a profile, or what one says",
    "extends": "the spec that this one varies",
    "upto": "the last stage to keep of the extended spec",
}
DEFINITION_FIELDS: Final = ("params", "inputs", "stages", "doc")
PARAM_FIELDS: Final = ("type", "default", "min", "max", "choices", "doc")
INPUT_FIELDS: Final = ("channels", "features", "length", "depth", "height", "width")
AXES: Final = {
    ("length",): ("length",),
    ("height", "width"): ("height", "width"),
    ("depth", "height", "width"): ("depth", "height", "width"),
}
TUPLE_ATTRIBUTES: Final = frozenset({"count", "index", "self"})
"""What an output cannot be called: its name is a field of the named tuple that modules return."""
RESERVED: Final = frozenset({"in_channels", "i", "and", "or", "not", "if", "else", "in", "none", "true", "false"})


def parse_spec(tree: Mapping, file: SourceFile, report: Report) -> Spec:
    """The Spec that a merged tree says."""
    parser = _Parser(report)
    tree, given = parser.fields(tree, SPEC_FIELDS, "a spec")
    is_partial = "extends" in given
    if "upto" in tree.entries and not is_partial:
        span = tree.entries["upto"].key.span
        parser.error("A0109", "`upto` without `extends`", span, help="add `extends:`, or remove `upto`")
        is_partial = not {"input", "stages"} <= given
    if not is_partial:
        parser.required(tree, [key for key in ("archc", "name", "input", "stages") if key not in given])
    parser.string(tree.get("doc"), "doc")
    parser.version(tree.get("archc"))
    input_ = parser.input(tree.get("input"), is_partial or "stages" not in given)
    stages = parser.stages(tree.get("stages"))
    is_partial = is_partial or stages is None
    name = parser.string(tree.get("name"), "name")
    blocks = parser.blocks(parser.mapping(tree.get("blocks"), "blocks"))
    return Spec(
        file=file,
        name=(parser.name(name) if name else None) or "network",
        input=input_,
        params=parser.params(parser.mapping(tree.get("params"), "params"), literal_strings=True),
        blocks=blocks,
        stages=stages or (),
        outputs=parser.outputs(tree.get("outputs")),
        defaults=parser.mapping(tree.get("defaults"), "defaults"),
        init=parser.mapping(tree.get("init"), "init"),
        expect=parser.mapping(tree.get("expect"), "expect"),
        budget=parser.mapping(tree.get("budget"), "budget"),
        aliases=parser.mapping(tree.get("aliases"), "aliases"),
        train=parser.mapping(tree.get("train"), "train"),
        is_open=is_partial or ("params" in given and not isinstance(tree.get("params"), Mapping)),
        has_lost_outputs="outputs" in given and not isinstance(tree.get("outputs"), (Mapping, Sequence)),
        has_lost_names=any(stage.has_lost_name for stage in stages or ()),
        has_lost_defaults="defaults" in given and not isinstance(tree.get("defaults"), Mapping),
        has_lost_blocks=is_partial or ("blocks" in given and not isinstance(tree.get("blocks"), Mapping)),
        is_partial=is_partial,
    )


def parse_definition(name: str, tree: Tree, report: Report) -> Definition | None:
    """A block's definition, as `blocks:` and the files of `archc/blocks` hold it."""
    return _Parser(report).definition(name, tree)


def with_version(missing: list[str], first: Span) -> Fix | None:
    """The fix that adds the version, where nothing else is missing."""
    return inserted_line(first, "archc: 1") if missing == ["archc"] else None


def _as_input(tree: Tree | None) -> str:
    """How to write an input that stands as a list of its sizes, or as something else."""
    sizes = (
        [item.value if isinstance(item, Scalar) else None for item in tree.items] if isinstance(tree, Sequence) else []
    )
    names = {1: ("features",), 2: ("channels", "length"), 3: ("channels", "height", "width")}.get(len(sizes), ())
    if not names or not all(isinstance(size, int) for size in sizes):
        return "write `{channels: 3, height: 224, width: 224}`, or another of the four forms"
    return "write `{" + ", ".join(f"{name}: {size}" for name, size in zip(names, sizes, strict=True)) + "}`"


class _Parser(Reader):
    """One method for each form of the language."""

    def required(self, tree: Mapping, missing: list[str]) -> None:
        if missing:
            first = next(iter(tree.entries.values())).key.span if tree.entries else tree.span
            names = " and no ".join(f"`{key}`" for key in missing)
            help = "add " + ", ".join(f"`{key}:` ({SPEC_FIELDS[key]})" for key in missing)
            self.error("A0102", f"the spec has no {names}", first, help=help, fix=with_version(missing, first))

    def version(self, version: Tree | None) -> None:
        if version is None or (isinstance(version, Scalar) and version.faulty):
            return
        if isinstance(version, Scalar) and version.value == 1 and version.value is not True:
            return
        shown = version.value if isinstance(version, Scalar) else what(version)
        self.error(
            "A0106",
            "the language version is a number" if shown == "1" else f"language version `{shown}` is not known",
            version.span,
            "this is a string" if shown == "1" else "this archc reads version 1",
            "write `archc: 1`",
            fix=retyped(version.span, "int") if shown == "1" else None,
        )

    def input(self, tree: Tree | None, is_partial: bool = False) -> InputSpec | None:
        mapping = self.mapping(tree, "input", _as_input(tree))
        if mapping is None:
            return None
        mapping, given = self.fields(mapping, INPUT_FIELDS, "`input`")
        sizes = tuple(key for key in ("depth", "height", "length", "width") if key in mapping.entries)
        if is_partial and not {"channels", "features"} & given:
            nothing = Scalar(None, mapping.span, None, faulty=True)
            return InputSpec(mapping.span, nothing, tuple(self.axis(name, mapping.entries[name]) for name in sizes))
        if not mapping.entries.keys() <= set(INPUT_FIELDS):
            return None
        channels = mapping.get("features" if "features" in mapping.entries else "channels")
        order = AXES.get(tuple(sorted(sizes))) if sizes else ()
        mixed = "features" in mapping.entries and (sizes or "channels" in mapping.entries)
        if channels is None or order is None or mixed or (not sizes and "channels" in mapping.entries):
            self.error(
                "A0109",
                "`input` is none of the four forms",
                mapping.span,
                "its fields are " + ", ".join(mapping.entries) if mapping.entries else "it has no fields",
                "write {features}, {channels, length}, {channels, height, width} or {channels, depth, height, width}",
            )
            return None
        return InputSpec(mapping.span, channels, tuple(self.axis(name, mapping.entries[name]) for name in order))

    def axis(self, name: str, entry: Entry) -> AxisSpec:
        value = entry.value
        if not isinstance(value, Mapping):
            return AxisSpec(name, value.span, {"default": value}, free=False)
        value, given = self.fields(value, ("min", "max", "multiple_of", "default"), f"`{name}`")
        if "default" not in given:
            self.error(
                "A0102",
                f"`{name}` has no `default`",
                entry.key.span,
                help="add `default:`, the size that shapes are shown at",
            )
        return AxisSpec(name, value.span, {key: item.value for key, item in value.entries.items()}, free=True)

    def params(self, tree: Mapping | None, literal_strings: bool = False) -> tuple[Param, ...]:
        if tree is None:
            return ()
        found = []
        for key, entry in tree.entries.items():
            if key in RESERVED or key in STAGE_FIELDS or not key.isidentifier() or not key.isascii():
                why = (
                    "a field of every stage"
                    if key in STAGE_FIELDS
                    else "a word of expressions"
                    if key in RESERVED
                    else "a name is a letter or `_`, then letters, digits and `_`"
                )
                self.error("A0107", f"`{key[:80]}` cannot be a param", entry.key.span, why, "rename it")
            param = self.param(key, entry)
            found.append(None if key in RESERVED else param)
        return tuple(param for param in found if param is not None)

    def param(self, name: str, entry: Entry) -> Param | None:
        value = entry.value
        if not isinstance(value, Mapping):
            return Param(name, self.kind_of_default(value), value, span=entry.key.span)
        value, given = self.fields(value, PARAM_FIELDS, f"param `{name}`")
        type_ = self.string(value.get("type"), "type")
        default: Tree | Required = value.get("default") or REQUIRED
        if "default" in given and isinstance(default, Required):
            default = Scalar(None, value.span, None, faulty=True)
        if type_ is None:
            if "type" not in given:
                self.error(
                    "A0102",
                    f"param `{name}` has no `type`",
                    entry.key.span,
                    help="add `type:`, one of " + ", ".join(KINDS),
                )
            kind: Kind = "any"
        elif type_.value not in KINDS:
            self.error(
                "A0104",
                f"params have no type `{type_.value}`",
                type_.span,
                "unknown type of param",
                suggestion(str(type_.value), KINDS, "the types are"),
            )
            kind = "any"
        else:
            kind = type_.value  # type: ignore[assignment]
        bounds = {key: self.number(value.get(key), key) for key in ("min", "max")}
        choices = self.literals(value.get("choices"))
        doc = self.string(value.get("doc"), "doc")
        return Param(
            name,
            kind,
            default,
            bounds["min"],
            bounds["max"],
            None,
            choices,
            str(doc.value) if doc else "",
            entry.key.span,
            is_typed=True,
        )

    def kind_of_default(self, tree: Tree) -> Kind:
        if isinstance(tree, Scalar):
            if isinstance(tree.value, str) and "$" in tree.value:
                return "any"
            kinds: dict[type, Kind] = {bool: "bool", int: "int", float: "float", str: "string"}
            return kinds.get(type(tree.value), "any")
        if isinstance(tree, Sequence) and tree.items:
            values = [item.value for item in tree.items if isinstance(item, Scalar)]
            if len(values) == len(tree.items) and all(type(value) is int for value in values):
                return "ints"
            if len(values) == len(tree.items) and all(type(value) in (int, float) for value in values):
                return "floats"
        return "any"

    def number(self, tree: Tree | None, name: str) -> float | None:
        if tree is None or (isinstance(tree, Scalar) and tree.faulty):
            return None
        if isinstance(tree, Scalar) and is_number(tree.value):
            return tree.value
        self.error("A0103", f"`{name}` needs a number", tree.span, f"this is {what(tree)}", "write a number")
        return None

    def literals(self, tree: Tree | None) -> tuple[Value, ...]:
        items = self.sequence(tree, "choices")
        for item in items.items if items else ():
            if not isinstance(item, Scalar):
                self.error("A0103", "a choice is a number or a word", item.span, f"this is {what(item)}")
        return tuple(item.value for item in items.items if isinstance(item, Scalar)) if items else ()

    def blocks(self, tree: Mapping | None) -> dict[str, Definition]:
        if tree is None:
            return {}
        found = {}
        for key, entry in tree.entries.items():
            if not NAME.match(key) or key == "none":
                why = (
                    "it says that there is no block"
                    if key == "none"
                    else "a letter or `_`, then letters, digits, `_` and `-`"
                )
                self.error("A0107", f"`{key[:80]}` cannot be a type", entry.key.span, why, "rename it")
                continue
            definition = self.definition(key, entry.value, entry.key)
            if definition is not None:
                found[key] = definition
        return found

    def definition(self, name: str, tree: Tree, key: Scalar | None = None) -> Definition | None:
        mapping = self.mapping(tree, name)
        if mapping is None:
            span = key.span if key else tree.span
            return Definition(name, span, (), (), (Stage(span, faulty=True),), is_open=True)
        span = key.span if key else mapping.span
        mapping, given = self.fields(mapping, DEFINITION_FIELDS, f"block `{name}`")
        is_open = "params" in given and not isinstance(mapping.get("params"), Mapping)
        if "stages" not in given:
            self.error("A0102", f"block `{name}` has no `stages`", span, help="add `stages:`, the block's body")
        stages = self.stages(mapping.get("stages"))
        doc = self.string(mapping.get("doc"), "doc")
        params = self.params(self.mapping(mapping.get("params"), "params"))
        inputs = self.sequence(mapping.get("inputs"), "inputs")
        names = self.inputs(inputs, stages or ()) if inputs or "inputs" not in given else ()
        faulty = Stage(span, faulty=True)
        return Definition(name, span, params, names, stages or (faulty,), str(doc.value) if doc else "", is_open)

    def inputs(self, tree: Sequence | None, stages: tuple[Stage, ...]) -> tuple[str, ...]:
        """The names of a block's inputs, apart from each other and from the stages'."""
        taken = {str(stage.name.value): stage.name.span for stage in stages if stage.name is not None}
        found: dict[str, Span] = {}
        for item in tree.items if tree else ():
            scalar = self.string(item, "inputs")
            if scalar is None or self.name(scalar) is None:
                continue
            name = str(scalar.value)
            other = found.get(name) or taken.get(name)
            if other is not None:
                labels = (Label(other, "also called so"),)
                self.error("A0108", f"two things are called `{name}`", scalar.span, "an input", "rename one", labels)
            found[name] = scalar.span
        return tuple(found) or ("input",)

    def stages(self, tree: Tree | None) -> tuple[Stage, ...] | None:
        items = self.sequence(tree, "stages")
        if items is None:
            return None
        if not items.items:
            self.error("A0102", "`stages` is empty", items.span, help="add a stage: `- {type: conv, ...}`")
        return tuple(self.stage(item) for item in items.items)

    def stage(self, tree: Tree) -> Stage:
        if not isinstance(tree, Mapping) or not tree.entries:
            self.error(
                "A0103",
                "a stage needs a mapping",
                tree.span,
                "this is empty" if isinstance(tree, Mapping) else f"this is {what(tree)}",
                f"write `- {{type: {tree.value}}}`"
                if isinstance(tree, Scalar) and NAME.match(str(tree.value))
                else "write `- {name: NAME, type: TYPE, ...}`",
            )
            return Stage(tree.span, faulty=True)
        if not {"type", "stages"} & tree.entries.keys():
            tree = self.untyped(tree)
        if "stages" in tree.entries and "type" not in tree.entries:
            return self.described(respelt(tree, STAGE_FIELDS), tree)
        stage = self.described(tree, tree)
        names = misspelt(tree, STAGE_FIELDS)
        if not names:
            return stage
        scratch = _Parser(Report()).described(respelt(tree, STAGE_FIELDS), tree)
        return replace(stage, respelt=scratch, misspelt=tuple(tree.entries[key] for key in names))

    def described(self, tree: Mapping, written: Mapping) -> Stage:
        """The stage that a mapping says; `written` has the keys as they are in the text."""
        first = next(iter(tree.entries.values())).key.span
        type_ = self.string(tree.get("type"), "type")
        if "type" in tree.entries and "stages" in tree.entries:
            self.error(
                "A0109",
                "a stage has a type or its own stages, not both",
                tree.entries["stages"].key.span,
                "given beside `type`",
                "remove one of the two",
            )
        self.string(tree.get("doc"), "doc")
        is_group = "stages" in tree.entries and "type" not in tree.entries
        args = {key: entry for key, entry in tree.entries.items() if key not in STAGE_FIELDS}
        for key, entry in written.entries.items() if is_group else ():
            if key not in STAGE_FIELDS:
                self.unknown_field(entry.key, STAGE_FIELDS, "a group", written)
        name = self.stage_name(tree.get("name"))
        names = self.mapping(tree.get("names"), "names")
        return Stage(
            span=type_.span if type_ else first,
            name=name,
            has_lost_name="name" in tree.entries and name is None,
            type=type_,
            args={} if is_group else args,
            stages=self.stages(tree.get("stages")) if is_group else None,
            repeat=tree.get("repeat"),
            from_=self.references(tree.get("from")),
            when=tree.get("when"),
            inline=self.boolean(tree.get("inline"), "inline"),
            names=self.renames(names),
            names_span=names.span if names else None,
            expect=tree.get("expect"),
            init=self.mapping(tree.get("init"), "init"),
            given=frozenset(tree.entries),
            faulty=self.is_faulty(tree, type_),
        )

    def stage_name(self, tree: Tree | None) -> Scalar | None:
        """A stage's name, checked here unless an expression makes it: some names become a part of no path."""
        if isinstance(tree, Scalar) and NUMBER.match(str(tree.value)):
            help = "leave it out: a stage without a name is numbered by its place"
            if isinstance(tree.value, int):
                self.error("A0103", "`name` needs a string", tree.span, f"this is {what(tree)}", help)
                return None
            self.error("A0107", f"`{tree.value}` cannot be a name", tree.span, "a number", help)
            return tree
        scalar = self.string(tree, "name")
        if scalar is not None and "$" not in str(scalar.value):
            self.name(scalar)
        return scalar

    def is_faulty(self, tree: Mapping, type_: Scalar | None) -> bool:
        """Whether nothing is known of a stage: it is neither a type nor a list, or where its children stand is not told."""
        if "type" not in tree.entries and any(nearest(key, STAGE_FIELDS) for key in tree.entries.keys() - STAGE_FIELDS):
            return True
        inline = tree.get("inline")
        told = inline is None or (isinstance(inline, Scalar) and isinstance(inline.value, bool))
        return not told or (
            type_ is None and not ("type" not in tree.entries and isinstance(tree.get("stages"), Sequence))
        )

    def untyped(self, tree: Mapping) -> Mapping:
        """Report a stage that is neither a type nor a group, at the key that was meant to say so if there is one.

        Where it is likely what was meant, the stage comes back with that key.
        """
        for key, entry in tree.entries.items():
            if key not in STAGE_FIELDS and nearest(key, ("type", "stages")):
                self.unknown_field(entry.key, ("type", "stages"), "a stage", tree)
                word = meant(key, ("type", "stages"))
                renamed = {word if word and name == key else name: one for name, one in tree.entries.items()}
                return Mapping(renamed, tree.span)
        key, entry = next(iter(tree.entries.items()))
        is_type = key not in STAGE_FIELDS and (isinstance(entry.value, Mapping) or len(tree.entries) == 1)
        help = f"write `{{type: {key[:64]}, ...}}`" if is_type else "add `type:`, or `stages:` for a group"
        self.error("A0102", "the stage has no `type`", entry.key.span, help=help)
        return tree

    def references(self, tree: Tree | None) -> tuple[Reference, ...]:
        if tree is None:
            return ()
        items = tree.items if isinstance(tree, Sequence) else (tree,)
        if not items:
            self.error("A0405", "`from` names nothing", tree.span, help="name a stage, or leave `from` out")
            return (Reference("", False, tree.span),)
        return tuple(self.reference(item) for item in items)

    def reference(self, tree: Tree) -> Reference:
        if isinstance(tree, Scalar) and isinstance(tree.value, int) and not isinstance(tree.value, bool):
            self.error(
                "A0103",
                "`from` names stages, it does not count them",
                tree.span,
                "this is an int",
                "give the stage a name and use it here",
            )
            return Reference("", False, tree.span)
        scalar = self.string(tree, "from")
        if scalar is None:
            return Reference("", False, tree.span)
        text = str(scalar.value)
        return Reference(text.removesuffix(".*"), text.endswith(".*"), scalar.span)

    def outputs(self, tree: Tree | None) -> tuple[OutputSpec, ...]:
        if isinstance(tree, Sequence):
            found = [self.listed_output(self.reference(item)) for item in tree.items]
        else:
            mapping = self.mapping(tree, "outputs")
            found = [self.output(key, entry) for key, entry in mapping.entries.items()] if mapping else []
        if isinstance(tree, (Sequence, Mapping)) and not found:
            self.error("A0504", "`outputs` is empty", tree.span, help="name a stage, or leave `outputs` out")
        names: set[str] = set()
        for output in found:
            if output.name in names:
                self.error("A0108", f"two outputs are called `{output.name}`", output.reference.span, help="remove one")
            names.add(output.name)
        return tuple(found)

    def listed_output(self, reference: Reference) -> OutputSpec:
        if reference.name:
            self.output_name(reference.name, reference.span)
        return OutputSpec(reference.name, reference)

    def output_name(self, name: str, span: Span) -> None:
        if not name.isidentifier() or not name.isascii() or name.startswith("_"):
            why = "a letter, then letters, digits and `_`"
            self.error("A0107", f"`{name[:80]}` cannot be an output", span, why, "write `outputs: {NAME: STAGE}`")
        elif name in TUPLE_ATTRIBUTES:
            why = "a named tuple has an attribute of that name"
            self.error("A0107", f"`{name}` cannot be an output", span, why, "rename it")
        else:
            self.check_name(name, span)

    def output(self, name: str, entry: Entry) -> OutputSpec:
        self.output_name(name, entry.key.span)
        nothing = Reference("", False, entry.key.span)
        if not isinstance(entry.value, Mapping):
            return OutputSpec(name, self.reference(entry.value))
        value, given = self.fields(entry.value, ("from", "only"), f"output `{name[:80]}`")
        only = self.string(value.get("only"), "only")
        if only is not None and only.value != "training":
            help = "write `only: training`, or leave it out"
            self.error("A0104", f"`only` has no choice `{only.value}`", only.span, "not one of the choices", help)
        if "from" not in given:
            help = "add `from:`, the stage that gives it"
            self.error("A0102", f"output `{name[:80]}` has no `from`", entry.key.span, help=help)
        source = value.get("from")
        return OutputSpec(name, self.reference(source) if source else nothing, only is not None)
