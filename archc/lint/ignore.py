"""`# archc: ignore[A0903] why`: comments that silence a warning, and what is wrong with such comments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from archc.diagnostics import CODES, Diagnostic, SourceFile, Span
from archc.lint.network import Finding
from archc.source import comments
from archc.spec.params import suggestion

ABOUT_COMMENTS = ("A0920", "A0921")
EXAMPLE = "write `# archc: ignore[A0901] why`"
_IGNORE = re.compile(r"(?:^|\s)(#\s*archc:\s*ignore\b)\s*(\[[^\]]*\]?)?(.*)")
_CODE = re.compile(r"[^\s,\[\]]+")


@dataclass(slots=True)
class Ignore:
    """One comment: where it is, the line that it is about, its codes with their places, and its reason."""

    span: Span
    line: int
    codes: dict[str, Span]
    reason: str
    used: set[str] = field(default_factory=set)


class Ignores:
    """The comments of a spec's files, and the place where it says what it extends."""

    def __init__(self, files: Iterable[SourceFile], extends: Span | None) -> None:
        self.extends = extends
        self.found = [ignore for file in files for ignore in read(file)]
        self._at: dict[tuple[int, int], list[Ignore]] = {}
        for ignore in self.found:
            self._at.setdefault((id(ignore.span.file), ignore.line), []).append(ignore)

    def silence(self, finding: Finding) -> bool:
        """Whether a comment silences the finding: one on a line where it stands, or on one that led there."""
        code = finding.diagnostic.code
        places = finding.places if self.found else ()
        if places and self.extends is not None and finding.diagnostic.span.file is not self.extends.file:
            places = (*places, self.extends)
        matching = [
            ignore
            for span in places
            for line in range(span.line, span.end_line + 1)
            for ignore in self._at.get((id(span.file), line), ())
            if code in ignore.codes
        ]
        for ignore in matching:
            ignore.used.add(code)
        return bool(matching)

    def unused(self, file: SourceFile) -> Iterator[Diagnostic]:
        """What is said of each code in a file's comments that silenced nothing."""
        for ignore in self.found:
            for code, span in ignore.codes.items():
                if ignore.span.file is file and code not in ignore.used and not _refusal(code):
                    message = f"nothing on this line gives `{code}`"
                    yield Diagnostic("A0921", message, span, "silences nothing", help="remove it")


def read(file: SourceFile) -> Iterator[Ignore]:
    """The comments of a file that say `archc: ignore`."""
    if "ignore" not in file.text or "archc" not in file.text:
        return
    lines = file.lines()
    for comment in comments(file):
        match = _IGNORE.search(lines[comment.line - 1][comment.column - 1 :])
        if match is None:
            continue
        span = comment.within(match.start(1), match.end())
        codes: dict[str, Span] = {}
        for code in _CODE.finditer(match[2] or ""):
            start = match.start(2) + code.start()
            codes.setdefault(code[0], comment.within(start, start + len(code[0])))
        alone = not lines[comment.line - 1][: comment.column - 1].strip()
        yield Ignore(span, _next(lines, comment.line) if alone else comment.line, codes, match[3].strip(" \t:-–—"))


def _next(lines: list[str], line: int) -> int:
    """The line that a comment alone on `line` is about: the next one that says something."""
    for at in range(line, len(lines)):
        text = lines[at].strip()
        if text and not text.startswith("#"):
            return at + 1
    return line


def faults(file: SourceFile) -> Iterator[Diagnostic]:
    """What is wrong with a file's comments: codes that do not exist or cannot be silenced, no codes, no reason."""
    for ignore in read(file):
        for code, span in ignore.codes.items():
            if _refusal(code):
                yield Diagnostic("A0920", _refusal(code), span, help=_mend(code))
        if not ignore.codes:
            yield Diagnostic("A0920", "the comment names no code to ignore", ignore.span, help=EXAMPLE)
        elif not ignore.reason:
            yield Diagnostic("A0920", "the comment gives no reason", ignore.span, help="say why, behind the bracket")


def _refusal(code: str) -> str:
    """Why a code cannot be ignored; "" where it can."""
    if code not in CODES:
        return f"there is no code `{code[:80]}`"
    if CODES[code].severity == "error":
        return f"`{code}` is an error, and an error cannot be ignored"
    return f"`{code}` is about such comments, and cannot be ignored itself" if code in ABOUT_COMMENTS else ""


def _mend(code: str) -> str:
    if code in CODES:
        return "mend what it says, and remove it here"
    names = {entry.name: known for known, entry in CODES.items() if entry.severity == "warning"}
    return f"write `{names[code]}`" if code in names else suggestion(code, names.values(), "see `archc explain`")
