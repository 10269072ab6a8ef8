"""The documentation is run: specs are checked, Python and commands executed, outputs and generated tables compared."""

from __future__ import annotations

import argparse
import ast
import dataclasses
import io
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from test_architecture import ALLOWED, HEAVY

import archc
import archc.limits
from archc.api import plain
from archc.blocks.primitives import PRIMITIVES
from archc.cli import zoo
from archc.cli.main import COMMANDS, main, parser
from archc.diagnostics import CODES, Report
from archc.ir.distributions import CHOICES, DISTRIBUTIONS
from archc.lint import RULES
from archc.lower.budget import BATCH, MEASURES
from archc.profile import read_profile
from archc.source import Tree
from archc.spec import expressions
from archc.spec.datasets import DATA_SETS
from archc.spec.losses import LOSSES
from archc.spec.model import STAGE_FIELDS
from archc.spec.params import KINDS, Param, Required
from archc.spec.parse import SPEC_FIELDS
from archc.spec.profile import FIELDS as PROFILE_FIELDS
from archc.spec.train import FIELDS, REQUIRED, SECTIONS, WEIGHT, WORDS
from archc.train.compare import Summary

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# file: ([\w./-]+)\n")
BASE = {
    "archc": "archc: 1",
    "name": "name: net",
    "input": "input: {channels: 3, height: 32, width: 32}",
    "stages": "stages: [{name: conv, type: conv, out_channels: 8, kernel_size: 3}]",
}
"""What a fragment leaves out."""


class Block(NamedTuple):
    """A fenced block: its page, its place in it, its language, the words behind that, its text, the block right after."""

    page: Path
    index: int
    line: int
    language: str
    words: tuple[str, ...]
    text: str
    output: str | None

    @property
    def id(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    found = list(FENCE.finditer(text))
    for index, match in enumerate(found):
        after = found[index + 1] if index + 1 < len(found) else None
        follows = after is not None and after[1] in ("text", "json") and not text[match.end() : after.start()].strip()
        line = text.count("\n", 0, match.start()) + 1
        output = after[3] if after is not None and follows else None
        yield Block(page, index, line, match[1], tuple(match[2].split()), match[3], output)


def all_blocks(language: str) -> list[Block]:
    return [block for page in PAGES for block in blocks(page) if block.language == language]


def each(language: str) -> pytest.MarkDecorator:
    found = [block for block in all_blocks(language) if not {"definition", "profile"} & {*block.words}]
    return pytest.mark.parametrize("block", found, ids=[block.id for block in found])


def whole(block: Block) -> str:
    """The text of a spec; a fragment (a list of stages, or fields of a spec) is put into BASE."""
    if "fragment" not in block.words:
        return block.text
    text = f"stages:\n{block.text}" if block.text.startswith("- ") else block.text
    missing = [line for key, line in BASE.items() if not re.search(rf"^{key}:", text, re.MULTILINE)]
    return "\n".join([*missing, text])


def write_files(page: Path, folder: Path) -> None:
    """The files that a page's yaml blocks name."""
    for block in blocks(page):
        named = FILE.match(block.text)
        if block.language == "yaml" and named:
            path = folder / named[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text[named.end() :], encoding="utf-8")


def replace_output(block: Block, output: str) -> None:
    """Put `output` into the block that follows `block`."""
    text = block.page.read_text(encoding="utf-8")
    match = list(FENCE.finditer(text))[block.index + 1]
    block.page.write_text(text[: match.start(3)] + output + text[match.end(3) :], encoding="utf-8")


def compare(block: Block, output: str, regenerate: bool) -> None:
    output = "".join(f"{line.rstrip()}\n" for line in output.splitlines())
    if regenerate and block.output is not None and block.output != output:
        replace_output(block, output)
    elif block.output is not None:
        assert output == block.output


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    return tmp_path


# -- blocks -------------------------------------------------------------------------------------------------------------


@each("yaml")
def test_specs_are_clean_or_as_broken_as_they_say(block: Block, here: Path) -> None:
    write_files(block.page, here)
    named = FILE.match(block.text)
    path = here / (named[1] if named else "net.yaml")
    path.write_text(whole(block), encoding="utf-8")
    found = archc.load(path).check()
    if "broken" in block.words:
        codes = {word for word in block.words if re.fullmatch(r"A\d{4}", word)}
        assert found
        assert not codes or {one.code for one in found} == codes
    else:
        assert found == []


PACKAGES = ("torch", "onnx", "onnxruntime", "lightning")
"""The words behind a fence that name what its block needs."""


def test_profiles_are_read_without_a_mistake(tmp_path: Path) -> None:
    found = [block for block in all_blocks("yaml") if "profile" in block.words]
    assert found
    for block in found:
        (tmp_path / "profile.yaml").write_text(block.text, encoding="utf-8")
        report = Report()
        assert read_profile(tmp_path / "profile.yaml", report) is not None, report.sorted()


def missing_packages(words: tuple[str, ...]) -> list[str]:
    return [word for word in words if word in PACKAGES and find_spec(word) is None]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_runs(page: Path, here: Path, regenerate: bool) -> None:
    """The blocks of one page share their names, as a reader's session does."""
    found = [block for block in blocks(page) if block.language == "python"]
    missing = sorted({package for block in found for package in missing_packages(block.words)})
    write_files(page, here)
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in found:
        if missing_packages(block.words):
            continue
        code = compile("\n" * block.line + block.text, str(block.page), "exec")
        stream = io.StringIO()
        with redirect_stdout(stream):
            exec(code, names)
        compare(block, stream.getvalue(), regenerate)
    if missing:
        pytest.skip(f"the blocks that need {', '.join(missing)} were passed over")


def run(line: str) -> tuple[int, str]:
    """The exit code and the output (both streams) of one `archc ...` line; `< FILE` is standard input."""
    program, *args = shlex.split(line, comments=True)
    assert program == "archc", line
    stream = io.StringIO()
    with redirect_stdout(stream), redirect_stderr(stream):
        try:
            code = main(args)
        except SystemExit as stop:
            code = int(stop.code or 0)
    return code, stream.getvalue()


def is_set_up(block: Block) -> bool:
    return block.page.name == "README.md" and "pip" in block.text


@each("sh")
def test_commands_print_what_the_page_says(block: Block, here: Path, regenerate: bool) -> None:
    if is_set_up(block) or "shell" in block.words:
        pytest.skip("a set-up command, which CI runs" if is_set_up(block) else "not a command of archc")
    missing = missing_packages(block.words)
    if missing:
        pytest.skip(f"{', '.join(missing)} is not installed")
    write_files(block.page, here)
    results = [run(line) for line in block.text.splitlines() if line.strip()]
    compare(block, "".join(output for _, output in results), regenerate)
    assert block.output is not None or [code for code, _ in results] == [0] * len(results)


def test_the_readme_opens_with_its_two_set_up_commands() -> None:
    commands = [block for block in all_blocks("sh") if block.page.name == "README.md"]
    assert [is_set_up(block) for block in commands[:3]] == [True, True, False]
    assert "pytest" in commands[1].text


# -- links --------------------------------------------------------------------------------------------------------------


def slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    return {slug(heading) for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_resolve(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)]*)\)", text):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


def test_the_index_names_every_page() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    pages = {page.name for page in PAGES} - {"README.md", "index.md"}
    assert {name for name in pages if f"]({name})" not in index} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_pages_name_exist(page: Path) -> None:
    """Words such as `archc/spec/load.py` and `tests/test_ir.py`, alone or with `::test_name`."""
    text = page.read_text(encoding="utf-8")
    for path, test in re.findall(r"`((?:archc|tests|specs|examples|docs)/[\w./]+)(?:::(\w+))?`", text):
        assert (ROOT / path).exists() or path.endswith("NAME.yaml"), path
        assert not test or f"def {test}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{test}"


# -- tables whose first column must be complete -------------------------------------------------------------------------

TABLES: dict[str, set[str]] = {
    "kinds": set(KINDS),
    "functions": set(expressions.FUNCTIONS),
    "public names": set(archc.__all__),
    "stage fields": set(STAGE_FIELDS),
    "spec fields": set(SPEC_FIELDS),
    "labels": set(SECTIONS["label"]),
    "budget": {*MEASURES, BATCH.name},
    "runs": {one.name for one in dataclasses.fields(Summary)},
}
"""The words after `<!-- table: ... -->`, and what the table below it must list."""


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_complete(name: str) -> None:
    pages = [page.read_text(encoding="utf-8") for page in PAGES]
    (text,) = [page for page in pages if f"<!-- table: {name} -->" in page]
    rows = text.partition(f"<!-- table: {name} -->\n")[2].partition("\n\n")[0].splitlines()[2:]
    firsts = [re.findall(r"`(\w+)[^`]*`", row.split("|")[1]) for row in rows]
    assert sorted(word for words in firsts for word in words) == sorted(TABLES[name])


# -- generated parts ----------------------------------------------------------------------------------------------------


def row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    return "\n".join([row(*head), "|" + "---|" * len(head), *(row(*cells) for cells in rows)])


def shown(value: object) -> str:
    """A default as the language writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "none"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {shown(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(shown(item) for item in value) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def default(param: Param) -> str:
    if isinstance(param.default, Required):
        return "required"
    value = plain(param.default) if isinstance(param.default, Tree) else param.default
    return f"`{shown(value)}`"


def bounds(param: Param) -> str:
    found = [f"≥ {param.min:g}"] if param.min is not None else [f"> {param.above:g}"] if param.above is not None else []
    found += [f"≤ {param.max:g}"] if param.max is not None else []
    found += [", ".join(f"`{shown(choice)}`" for choice in param.choices)] if param.choices else []
    return ", ".join(found)


def fields(params: tuple[Param, ...]) -> str:
    rows = [(f"`{param.name}`", param.kind, default(param), bounds(param), param.doc) for param in params]
    return table(("field", "kind", "default", "bounds", "meaning"), rows)


def sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


def primitives() -> str:
    parts = []
    for name, primitive in sorted(PRIMITIVES.items()):
        text = sentence(primitive.doc) + (" It takes two inputs or more." if primitive.merges else "")
        parts += [f"### `{name}`", text, fields(primitive.params) if primitive.params else "No fields."]
    return "\n\n".join(parts)


def profile_fields() -> str:
    return table(("field", "meaning"), [(f"`{name}`", sentence(doc)) for name, doc in PROFILE_FIELDS.items()])


def argument(action: argparse.Action) -> tuple[str, str, str]:
    value = str(action.metavar or "") if action.nargs != 0 else ""
    if action.choices is not None and not action.metavar:
        value = "{" + ",".join(map(str, action.choices)) + "}"
    value = {"?": f"[{value}]", "+": f"{value}...", "*": f"[{value}...]"}.get(str(action.nargs), value) if value else ""
    name = ", ".join(f"`{option}`" for option in action.option_strings)
    return name or f"`{value}`", f"`{value}`" if name and value else "", sentence(str(action.help))


def commands() -> str:
    (subparsers,) = [action for action in parser()._actions if isinstance(action, argparse._SubParsersAction)]
    parts = []
    for name, help in COMMANDS.items():
        rows = [argument(action) for action in subparsers.choices[name]._actions if action.dest != "help"]
        parts += [f"## `archc {name}`", sentence(help), table(("argument", "value", "meaning"), rows)]
    return "\n\n".join(parts)


def distributions() -> str:
    rows = []
    for name, constants in DISTRIBUTIONS.items():
        told = [
            f"`{key}: {shown(value)}`" + (f" (or {', '.join(f'`{one}`' for one in CHOICES[key] if one != value)})")
            if key in CHOICES
            else f"`{key}`"
            if value is None
            else f"`{key}: {shown(value)}`"
            for key, value in constants.items()
        ]
        rows.append((f"`{name}`", ", ".join(told)))
    return table(("distribution", "constants and their defaults"), rows)


def train_fields() -> str:
    rows = [
        (f"`{name}`", param.kind, "required" if name in REQUIRED else default(param), bounds(param), param.doc)
        for name, param in FIELDS.items()
    ]
    for section, types in SECTIONS.items():
        names = ", ".join(f"`{name}`" for name in types)
        if section in WORDS:
            rows.append((f"`{section}`, or `{section}.type`", "string", f"`{WORDS[section]}`", names, ""))
        else:
            rows.append((f"`{section}.type`", "string", "required", names, ""))
        rows += section_fields(section, types)
        if section == "loss":
            rows.append((f"`loss.{WEIGHT.name}`", "a float for each", default(WEIGHT), bounds(WEIGHT), WEIGHT.doc))
    return table(("field", "kind", "default", "bounds", "meaning"), rows)


def section_fields(section: str, types: Mapping[str, tuple[Param, ...]]) -> list[tuple[str, ...]]:
    """A row for each field; types that share one, but for its default, stand together."""
    shared: dict[tuple[str, ...], dict[str, str]] = {}
    for type_, params in types.items():
        for param in params:
            kind = "required" if param.required else ""
            shared.setdefault((param.name, param.kind, bounds(param), param.doc, kind), {})[type_] = default(param)
    rows = []
    for (name, kind, bound, doc, _), owners in shared.items():
        where = f" ({', '.join(f'`{owner}`' for owner in owners)})" if len(types) > 1 else ""
        rows.append((f"`{section}.{name}`{where}", kind, ", ".join(dict.fromkeys(owners.values())), bound, doc))
    return rows


def data_sets() -> str:
    rows = [
        (f"`{name}`", f"{d.channels} × {d.height} × {d.width}", f"{d.classes}", f"{d.train:,}", f"{d.test:,}", d.title)
        for name, d in DATA_SETS.items()
    ]
    return table(("data", "an example", "classes", "to train on", "to test on", "what it is"), rows)


def losses() -> str:
    rows = [
        (f"`{name}`", loss.takes, ", ".join(f"`{label}`" for label in loss.labels), loss.doc)
        for name, loss in LOSSES.items()
    ]
    return table(("loss", "the output is", "labels", "what it is"), rows)


def limits() -> str:
    """Each constant of archc/limits.py with the words below it: none can be left out."""
    body = ast.parse(Path(str(archc.limits.__file__)).read_text(encoding="utf-8")).body
    rows = []
    for statement, words in pairwise(body):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            assert isinstance(words, ast.Expr), statement.target.id
            assert isinstance(words.value, ast.Constant), statement.target.id
            rows.append((words.value.value, amount(getattr(archc.limits, statement.target.id))))
    return table(("what", "at most"), rows)


def amount(number: int) -> str:
    """A limit as people write it: 262,144, 2^53 or 10^11."""
    if number < 2**21:
        return f"{number:,}"
    if str(number).strip("0") == "1" and number >= 10**9:
        return f"10^{len(str(number)) - 1}"
    for value, rest in ((number, ""), (number + 1, " - 1")):
        if value.bit_count() == 1:
            return f"2^{value.bit_length() - 1}{rest}"
    return f"{number:,}"


def layers() -> str:
    heads = {"": "the façade (`archc/__init__.py`)", "__init__": "the façade (`archc/__init__.py`)"}

    def words(names: set[str]) -> str:
        return ", ".join(heads.get(name, f"`{name}`") for name in ALLOWED if name in names) + (
            ("" if not names - {""} else ", ") + heads[""] if "" in names else ""
        )

    return table(
        ("layer", "may import"),
        [(heads.get(name, f"`{name}`"), words(names) or "–") for name, names in ALLOWED.items()],
    )


def heavy() -> str:
    rows = [(f"`{name}`", ", ".join(f"`archc/{place}`" for place in sorted(places))) for name, places in HEAVY.items()]
    return table(("package", "imported by"), rows)


def warnings() -> str:
    rows = [(code, CODES[code].name, str(rule.__doc__).splitlines()[0].rstrip(".")) for code, rule in RULES.items()]
    rows.append(
        (
            "A0920",
            CODES["A0920"].name,
            "A comment that begins with `# archc: ignore` and cannot silence anything, or gives no reason",
        )
    )
    rows.append(("A0921", CODES["A0921"].name, "A comment that silences nothing"))
    return table(("code", "name", "what it finds"), rows)


def zoo_table() -> str:
    rows = [(f"`{name}`", *rest) for name, *rest in map(zoo.cells, zoo.rows())]
    return table(zoo.HEAD, rows)


def base_of(name: str) -> tuple[str, str]:
    """(name, doc) of the spec that a network varies in the end, or its own."""
    spec = archc.load(name)
    tree = (archc.load(spec.texts[-1].name) if len(spec.texts) > 1 else spec).loaded.tree
    assert tree is not None
    return str(plain(tree.entries["name"].value)), str(plain(tree.entries["doc"].value))


def zoo_families() -> str:
    """torchvision's networks by the family file that they vary, from small to large."""
    families: dict[tuple[str, str], list[str]] = {}
    for found in sorted(zoo.rows(), key=lambda one: int(one["parameters"])):
        if "/" not in found["name"]:
            families.setdefault(base_of(found["name"]), []).append(found["name"])
    rows = [
        (", ".join(f"`{name}`" for name in names), sentence(doc.partition("; ")[0]))
        for (_, doc), names in sorted(families.items())
    ]
    return table(("networks", "what they are"), rows)


GENERATED: dict[str, Callable[[], str]] = {
    "primitives": primitives,
    "commands": commands,
    "distributions": distributions,
    "train": train_fields,
    "data sets": data_sets,
    "losses": losses,
    "limits": limits,
    "layers": layers,
    "heavy": heavy,
    "warnings": warnings,
    "profile": profile_fields,
    "zoo": zoo_table,
    "zoo families": zoo_families,
}
"""The words after `<!-- generated: ... -->`, and what stands from there to `<!-- end -->`."""


@pytest.mark.parametrize("name", GENERATED)
def test_generated_parts_are_current(name: str, regenerate: bool) -> None:
    begin, end = f"<!-- generated: {name} -->\n", "<!-- end -->"
    (page,) = [page for page in PAGES if begin in page.read_text(encoding="utf-8")]
    head, _, rest = page.read_text(encoding="utf-8").partition(begin)
    body, _, tail = rest.partition(end)
    wanted = f"\n{GENERATED[name]()}\n\n"
    if regenerate:
        page.write_text(head + begin + wanted + end + tail, encoding="utf-8")
    else:
        assert body == wanted


# -- the harness can fail -----------------------------------------------------------------------------------------------


def test_the_harness_sees_a_wrong_output(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```sh\narchc --version\n```\n\n```text\narchc 0\n```\n", encoding="utf-8")
    block = next(blocks(page))
    with pytest.raises(AssertionError):
        compare(block, run("archc --version")[1], regenerate=False)
    compare(block, run("archc --version")[1], regenerate=True)
    assert next(blocks(page)).output == f"archc {archc.__version__}\n"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_block_goes_unchecked(page: Path) -> None:
    """An output stands right behind what prints it; only bare fences (grammar, diagrams) are not run."""
    found = list(blocks(page))
    outputs = [block for block in found if block.output is not None and block.language in ("sh", "python")]
    assert {block.language for block in found} <= {"yaml", "yml", "python", "sh", "text", "json"}  # yml: see test_ci.py
    assert len(outputs) == sum(block.language in ("text", "json") for block in found)


def test_every_bound_of_a_real_field_is_listed_where_archc_is_stricter() -> None:
    """Torch takes them all, but for a probability."""
    text = (ROOT / "docs/language.md").read_text()
    (row,) = re.findall(r"^\| constants without meaning \|.*$", text, re.MULTILINE)
    bounded = {
        param.name
        for primitive in PRIMITIVES.values()
        for param in primitive.params
        if param.kind == "float" and {param.min, param.max, param.above} != {None}
    }
    assert bounded - {"p"} == set(re.findall(r"`(\w+)`", row))
