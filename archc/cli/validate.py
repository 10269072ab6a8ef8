"""`archc validate PATH...`: every mistake of every file, and fixes for those that are certain."""

from __future__ import annotations

import argparse
import difflib
import os
import re
import sys
from collections.abc import Iterator, Sequence
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING

from archc.batch import Checked, Target, check_all, processes, read_stdin, unique
from archc.cli.common import problem, report, set_argument, version
from archc.diagnostics import Diagnostic, Report
from archc.diagnostics.formats import FORMATS, Run
from archc.ir.graph import Graph
from archc.spec.load import spec_files

if TYPE_CHECKING:
    from archc.profile import Profile


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add = parser.add_argument
    add(
        "paths",
        metavar="PATH",
        nargs="+",
        help="files, folders, globs, names of specs that ship, or `-` for standard input",
    )
    set_argument(parser)
    add("--sizes", action="store_true", help="print the input sizes that each spec takes (done anyway for one spec)")
    add("--format", choices=("text", *FORMATS), default="text", help="how to print (default: text)")
    add("--strict", action="store_true", help="exit with 1 for warnings too")
    add(
        "--profile",
        metavar="FILE",
        help="find too what a device cannot run, by its profile, instead of that of `profile:`",
    )
    add("--fix", action="store_true", help="mend what can be mended for certain; of `-`, print the mended text")
    add("--diff", action="store_true", help="print what --fix would change, and change nothing")
    add(
        "--jobs",
        type=_jobs,
        metavar="N",
        help="processes to check in, `auto` for as many as cores (default: one for each 16 files, at most the cores)",
    )


def _jobs(text: str) -> int:
    jobs = 0 if text == "auto" else int(text)
    if jobs < 0:
        raise argparse.ArgumentTypeError("a number of processes is 1 or more, 0 or `auto` for as many as cores")
    return jobs


def expand(paths: list[str]) -> Iterator[str]:
    """The specs that the arguments name: a folder's files, what a glob matches, or the argument itself."""
    for path in paths:
        if path != "-" and os.path.isdir(path):
            found = [str(file) for file in spec_files(Path(path))]
        else:
            found = [path] if path == "-" or os.path.exists(path) else sorted(glob(path, recursive=True))
        yield from found or [path]


def run(options: argparse.Namespace) -> int:
    """Check each spec. 0: no errors (with --strict: no warnings either); 1: something was found, or would be changed."""
    names = dict.fromkeys(expand(options.paths))
    targets = [Target(name, read_stdin() if name == "-" else None) for name in names]
    jobs = processes(options.jobs, len(targets))
    mends = options.fix or options.diff
    describe = _sizes if options.format == "text" and (options.sizes or len(targets) == 1) and not mends else None
    if options.profile and mends:
        what = "--fix" if options.fix else "--diff"
        help = "mend first, then check for the device"
        report([problem("A0109", f"--profile and {what} exclude each other", "archc validate", help)])
        return 2
    profile, faults = _profile(options.profile) if options.profile else (None, [])
    if faults:
        report(faults, stream=sys.stdout)
        return 1
    checked = list(check_all(targets, options.settings, jobs, mends, describe, profile))
    if options.diff:
        return _diff(checked, options)
    return _fix(checked, options, jobs) if options.fix else _print(checked, options)


def _profile(name: str) -> tuple[Profile | None, list[Diagnostic]]:
    """The profile in a file, and what is wrong with it."""
    from archc.profile import read_profile

    found = Report()
    return read_profile(name, found), found.sorted()


def _sizes(graph: Graph) -> tuple[str, ...]:
    """The input sizes that a correct spec takes."""
    from archc.cli.sizes import valid_lines

    return tuple(valid_lines(graph))


# -- findings -----------------------------------------------------------------------------------------------------------


def _print(checked: Sequence[Checked], options: argparse.Namespace, to_stderr: bool = False) -> int:
    """Print what was found; the exit code."""
    found = unique(checked)
    stream = sys.stderr if to_stderr else sys.stdout
    if options.format != "text":
        files = [one.target.shown for one in checked]
        stream.write(FORMATS[options.format](Run(found, files, version(), options.strict)))
    else:
        report(found, stream=stream)
        errors = sum(one.severity == "error" for one in found)
        bad = sum(any(row.severity == "error" for row in one.found) for one in checked)
        counts = tally(errors, len(found) - errors, bad, len(checked), options.strict)
        stream.write("\n" * bool(found) + counts + "\n")
        fixable = 0 if options.fix or options.diff else _fixable(found, checked)
        stream.write(f"{fixable} of {len(found)} can be fixed with `--fix`\n" if fixable else "")
        stream.writelines(f"{line}\n" for line in _size_lines(checked))
    return 1 if any(one.severity == "error" or options.strict for one in found) else 0


def tally(errors: int, warnings: int, bad: int, files: int, strict: bool) -> str:
    """How many errors and warnings there are, and in how many files."""
    counted = f", {_count(warnings, 'warning')}" if warnings else ""
    if errors:
        return f"{_count(errors, 'error')} in {bad} of {_count(files, 'file')}{counted}"
    refused = ", which --strict does not allow" if warnings and strict else ""
    return f"{_count(files, 'file')} checked, no errors{counted}{refused}"


def _fixable(found: Sequence[Diagnostic], checked: Sequence[Checked]) -> int:
    """How many findings `--fix` would mend: those in files that were named."""
    mendable = {one.target.shown for one in checked}
    return sum(one.fix is not None and one.span.file.name in mendable for one in found)


def _size_lines(checked: Sequence[Checked]) -> Iterator[str]:
    for one in checked:
        prefix = f"{one.target.shown}: " if len(checked) > 1 else ""
        yield from (line if line.startswith(" ") else prefix + line for line in one.sizes)


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


# -- fixes --------------------------------------------------------------------------------------------------------------


def _fix(checked: list[Checked], options: argparse.Namespace, jobs: int) -> int:
    """Write what fixes made, say which they are, and report what is left."""
    changed = [one for one in checked if one.fixed is not None and one.fixed.applied]
    from_stdin = any(one.target.data is not None for one in checked)
    problems = [failure for one in changed if one.target.data is None for failure in _write(one)]
    for one in checked:
        if one.target.data is not None:
            _raw(one.fixed.data if one.fixed is not None else one.target.data)
    notes = sys.stderr if from_stdin or options.format != "text" else sys.stdout
    for one in changed:
        notes.writelines(f"fixed {applied}\n" for applied in (one.fixed.applied if one.fixed else ()))
    if problems:
        report(problems, stream=sys.stderr)
    if any(one.target.data is None for one in changed):
        # What one file extends may have been mended in another.
        targets = [_after(one) for one in checked]
        checked = list(check_all(targets, options.settings, jobs))
    return _print(checked, options, from_stdin) or int(bool(problems))


def _after(one: Checked) -> Target:
    return Target(one.target.name, one.fixed.data if one.target.data is not None and one.fixed else None)


def _write(one: Checked) -> list[Diagnostic]:
    """Put the text that fixes made in the file's place, whole or not at all."""
    from archc.backends.files import write_whole

    assert one.fixed is not None
    name = one.target.name
    try:
        if Path(name).read_bytes() != one.before:
            return [problem("A0704", f"cannot write `{name}`: it was changed meanwhile", name, "run it again")]
        write_whole(name, one.fixed.data, keep_mode=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        return [problem("A0704", f"cannot write `{name}`: {reason}", name, "make it and its folder writable")]
    return []


def _raw(data: bytes) -> None:
    """Print a text as it is, its line ends kept."""
    sys.stdout.flush()
    stream = getattr(sys.stdout, "buffer", None)
    if stream is None:
        sys.stdout.write(data.decode(errors="replace"))
        return
    stream.write(data)
    stream.flush()


def _diff(checked: Sequence[Checked], options: argparse.Namespace) -> int:
    """Print what fixes would change, with the findings that would be left on standard error."""
    would = False
    for one in checked:
        if one.fixed is not None and one.fixed.applied:
            would = True
            _raw(_difference(Path(one.target.shown).as_posix(), one.before, one.fixed.data))
    return _print(checked, options, to_stderr=True) or int(would)


def _difference(name: str, before: bytes, after: bytes) -> bytes:
    """A unified diff, as `patch -p1` reads it."""
    old, new = (re.findall(r"[^\n]*\n|[^\n]+", data.decode()) for data in (before, after))
    rows = difflib.unified_diff(old, new, f"a/{name}", f"b/{name}")
    return "".join(row if row.endswith("\n") else f"{row}\n\\ No newline at end of file\n" for row in rows).encode()
