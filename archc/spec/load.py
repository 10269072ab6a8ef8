"""From a path or a shipped name to one merged tree: finding files, `extends`, `upto` and `--set`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

from archc.diagnostics import Diagnostic, Label, Report, SourceFile, Span
from archc.limits import MAX_BYTES, MAX_EXTENDS
from archc.source import Entry, Mapping, Scalar, Sequence, Tree, decode, parse, read_file
from archc.spec.beside import confined, resolved
from archc.spec.merge import merge_specs, without
from archc.spec.params import nearest
from archc.spec.parse import INPUT_FIELDS, SPEC_FIELDS
from archc.spec.profile import with_profile
from archc.spec.reader import Reader, misspelt

SHIPPED_FOLDERS: Final = ("imagenet", "fashion_mnist", "families")
_SHIPPED_NAME: Final = re.compile(r"(?:[a-z_]{1,32}/)?[A-Za-z0-9_]{1,64}\Z")


def shipped_root() -> Path:
    """The folder of the specs that ship: beside the package in a checkout, inside it once installed."""
    package = Path(__file__).resolve().parent.parent
    return package / "specs" if (package / "specs").is_dir() else package.parent / "specs"


def shipped_specs() -> dict[str, Path]:
    """`folder/name` -> file, of every spec that ships."""
    root = shipped_root()
    return {
        f"{folder}/{path.stem}": path for folder in SHIPPED_FOLDERS for path in sorted((root / folder).glob("*.yaml"))
    }


def find_shipped(name: str) -> Path | None:
    """The file of a shipped spec, by `folder/name` or by `name` alone (imagenet first)."""
    if not _SHIPPED_NAME.match(name):
        return None
    folders = [name.partition("/")[0]] if "/" in name else SHIPPED_FOLDERS
    paths = [
        shipped_root() / folder / f"{name.rpartition('/')[2]}.yaml" for folder in folders if folder in SHIPPED_FOLDERS
    ]
    return next((path for path in paths if path.is_file()), None)


@dataclass(slots=True)
class Loaded:
    """A merged tree, the file that it was asked for, and the texts that it came from, outermost first."""

    tree: Mapping | None
    file: SourceFile
    files: list[SourceFile] = field(default_factory=list)
    extends: Span | None = None
    """Where the outermost file names the one that it extends."""
    has_profile: bool = False
    """Whether one of them names a profile; only that of the outermost counts."""

    def shown(self, diagnostic: Diagnostic) -> Diagnostic:
        """A mistake in a file that is extended, with the place that brings it in."""
        places = [diagnostic.span, *(label.span for label in diagnostic.labels)]
        entry = self.tree.entries.get("profile") if self.tree is not None else None
        files = (
            self.files if entry is None or entry.key.span.file is self.file else [*self.files, entry.value.span.file]
        )
        others = {file.name for file in files} - {self.file.name}
        if self.extends is None or any(place.file.name not in others for place in places):
            return diagnostic
        return replace(diagnostic, labels=(*diagnostic.labels, Label(self.extends, "extended here")))


def load_path(path: Path, report: Report, name: str | None = None, data: bytes | None = None) -> Loaded:
    """The merged tree of the spec at `path`, or of `data` as if it stood there."""
    real = resolved(path)
    shipped = real is not None and real.is_relative_to(shipped_root())
    file, found = read_file(path, name) if data is None else decode(data, name or str(path))
    report.extend(found)
    root = shipped_root() if shipped else path.parent
    return Loaded(None, file) if found else load_text(file, path.parent, root, report)


def load_bytes(data: bytes, name: str, folder: Path, report: Report) -> Loaded:
    """The merged tree of a spec that did not come from a file, say standard input."""
    file, found = decode(data, name)
    report.extend(found)
    return Loaded(None, file) if found else load_text(file, folder, folder, report)


def load_text(file: SourceFile, folder: Path, root: Path, report: Report) -> Loaded:
    """The merged tree of `file`, its `extends` looked up from `folder` and never outside `root`."""
    loaded = Loaded(None, file, [file])
    tree = _mapping(file, report)
    target = tree.get("extends") if tree else None
    loaded.extends = target.span if target is not None else None
    loaded.tree = _extended(tree, folder, root, [], loaded, report) if tree else None
    return loaded


def load_texts(texts: list[str], name: str, report: Report) -> Loaded:
    """The merged tree of texts of which each extends the next, as a compiled file keeps them."""
    loaded = Loaded(None, SourceFile(name, ""))
    start = Span(loaded.file, 1, 1, 1, 1)
    if len(texts) > MAX_EXTENDS + 1 or sum(map(len, texts)) > MAX_BYTES:
        message = f"its spec is larger than {MAX_BYTES // 1024} KiB, or extends more than {MAX_EXTENDS} others"
        report.add(Diagnostic("A0003", message, start, help="compile it with archc again"))
        return loaded
    trees = []
    for text in texts:
        file, found = decode(text.encode("utf-8", "surrogatepass"), name)
        report.extend(found)
        loaded.files.append(file)
        tree = _mapping(file, report) if not found else None
        if tree is None:
            return loaded
        trees.append(_respelt(tree, report))
    if not trees or trees[-1].get("extends") is not None:
        message = "it does not hold the spec that its own extends" if trees else "it holds no spec"
        report.add(Diagnostic("A0501", message, start, help="compile it with archc again"))
        return loaded
    merged = trees.pop()
    for tree in reversed(trees):
        merged = merge_specs(merged, tree, report)
    loaded.file, loaded.tree = loaded.files[0], without(merged, "profile")  # whose file is not there
    return loaded


@lru_cache(maxsize=64)
def _parsed(name: str, text: str) -> tuple[SourceFile, Tree | None, tuple[Diagnostic, ...]]:
    """A text that others extend, parsed once however many do; the name is that of its diagnostics."""
    file = SourceFile(name, text)
    tree, found = parse(file)
    return file, tree, tuple(found)


def _read_parent(file: SourceFile, report: Report) -> tuple[SourceFile, Mapping | None]:
    same, tree, found = _parsed(file.name, file.text)
    return same, _checked(same, tree, found, report)


def _mapping(file: SourceFile, report: Report) -> Mapping | None:
    tree, found = parse(file)
    return _checked(file, tree, found, report)


def _checked(file: SourceFile, tree: Tree | None, found: Iterable[Diagnostic], report: Report) -> Mapping | None:
    """The tree of a file if it is a mapping; what is wrong is reported."""
    found = list(found)
    report.extend(found)
    if isinstance(tree, Mapping):
        return tree
    if not found:
        span = tree.span if tree else Span(file, 1, 1, 1, 1)
        message = "the file is empty" if tree is None else "a spec needs a mapping"
        report.add(
            Diagnostic(
                "A0103" if tree else "A0102",
                message,
                span,
                help="begin with `archc: 1`, `name:`, `input:` and `stages:`",
            )
        )
    return None


def _extended(tree: Mapping, folder: Path, root: Path, seen: list[Path], loaded: Loaded, report: Report) -> Mapping:
    """`tree` over what it extends; where that cannot be read, `tree` as it is, still with its `extends`."""
    tree = _with_profile(_respelt(tree, report), folder, root, loaded, report)
    target = tree.get("extends")
    if target is None:
        return tree
    path, problem = _parent_path(target, folder, root)
    if path is None:
        report.add(Diagnostic("A0501", problem, target.span, help=_nearest_spec(target)))
        return tree
    if path in seen or len(seen) >= MAX_EXTENDS:
        message = (
            "`extends` comes back to a spec that it began from"
            if path in seen
            else f"more than {MAX_EXTENDS} specs extend each other"
        )
        report.add(Diagnostic("A0502", message, target.span, help="break the chain"))
        return tree
    shipped = path.is_relative_to(shipped_root())
    file, found = read_file(path, _display(path, folder, target))
    report.extend(found)
    file, parent = _read_parent(file, report) if not found else (file, None)
    loaded.files.append(file)
    if sum(len(one.text) for one in loaded.files) > MAX_BYTES:
        message = f"the spec and those that it extends are larger than {MAX_BYTES // 1024} KiB together"
        report.add(Diagnostic("A0003", message, target.span, help="use `repeat` or blocks"))
        return tree
    if parent is None:
        return tree
    parent_root = shipped_root() if shipped else root
    return merge_specs(_extended(parent, path.parent, parent_root, [*seen, path], loaded, report), tree, report)


def _with_profile(tree: Mapping, folder: Path, root: Path, loaded: Loaded, report: Report) -> Mapping:
    """`tree` with its profile read, or without it where a variant names another."""
    if loaded.has_profile or "profile" not in tree.entries:
        return without(tree, "profile")
    loaded.has_profile = True
    return with_profile(tree, folder, lambda name: confined(name, folder, root), report)


def _respelt(tree: Mapping, report: Report) -> Mapping:
    """A variant with its sections, and what it says of `input`, under the names that were meant, which is reported.

    Merged with its base under a misspelt name, a section would leave the base's as it is.
    """
    names = misspelt(tree, SPEC_FIELDS)
    if "extends" not in {*tree.entries, *names.values()}:
        return tree
    tree = _renamed(tree, names, SPEC_FIELDS, "a spec", report)
    input_ = tree.entries.get("input")
    if input_ is None or not isinstance(input_.value, Mapping):
        return tree
    sizes = _renamed(input_.value, misspelt(input_.value, INPUT_FIELDS), INPUT_FIELDS, "`input`", report)
    return Mapping({**tree.entries, "input": Entry(input_.key, sizes)}, tree.span)


def _renamed(tree: Mapping, names: dict[str, str], allowed: Collection[str], owner: str, report: Report) -> Mapping:
    """`tree` with some keys under other names, each reported as unknown."""
    for key in names:
        Reader(report).unknown_field(tree.entries[key].key, allowed, owner, tree)
    return Mapping({names.get(key, key): entry for key, entry in tree.entries.items()}, tree.span) if names else tree


def _nearest_spec(target: Tree) -> str:
    """The way out of an `extends` that names nothing: a spec that ships and is called alike, if there is one."""
    name = str(target.value) if isinstance(target, Scalar) else ""
    known = [word for key in shipped_specs() for word in (key, key.partition("/")[2])] if name else []
    near = nearest(name, known[:200])
    return f"did you mean `{near}`?" if near else "name a file below the spec's folder, or a spec that ships"


def _display(path: Path, folder: Path, target: Tree) -> str:
    if isinstance(target, Scalar) and str(target.value).endswith((".yaml", ".yml")):
        return str(folder / str(target.value))
    return f"specs/{path.relative_to(shipped_root())}" if path.is_relative_to(shipped_root()) else str(path)


def _parent_path(target: Tree, folder: Path, root: Path) -> tuple[Path | None, str]:
    if not isinstance(target, Scalar) or not isinstance(target.value, str):
        return None, "`extends` needs a string"
    if not target.value.endswith((".yaml", ".yml")):
        found = find_shipped(target.value)
        return (found.resolve(), "") if found else (None, f"no spec that ships is called `{target.value[:80]}`")
    return confined(target.value, folder, root)


def spec_files(path: Path) -> Iterator[Path]:
    """The specs below a folder, in order; hidden folders are passed over, and so are folders that are called like specs."""
    for found in sorted([*path.rglob("*.yaml"), *path.rglob("*.yml")]):
        if not any(part.startswith(".") for part in found.relative_to(path).parts) and not found.is_dir():
            yield found


def override(text: str, report: Report) -> tuple[str, Tree | None]:
    """The name and value of a `--set name=value`."""
    file = SourceFile("--set", text)
    name, equals, value = text.partition("=")
    whole = Span(file, 1, 1, 1, len(text) + 1)
    if not equals or not name.strip():
        report.add(Diagnostic("A0207", "`--set` needs NAME=VALUE", whole, help="write `--set num_classes=10`"))
        return name, None
    tree, found = parse(SourceFile("--set", value))
    report.extend(replace(diagnostic, span=whole) for diagnostic in found)
    if tree is None and not found:
        report.add(Diagnostic("A0207", f"`--set {name}` gives no value", whole, help="write `--set NAME=VALUE`"))
    if tree is None:
        return name.strip(), None
    return name.strip(), relocated(tree, whole)


def relocated(tree: Tree, span: Span) -> Tree:
    """The same tree, all of it at `span`."""
    if isinstance(tree, Scalar):
        return Scalar(tree.value, span, None, tree.faulty)
    if isinstance(tree, Sequence):
        return Sequence(tuple(relocated(item, span) for item in tree.items), span)
    entries = {key: Entry(Scalar(key, span, None), relocated(entry.value, span)) for key, entry in tree.entries.items()}
    return Mapping(entries, span)
