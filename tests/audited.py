"""A program that runs `archc validate` under an audit hook and prints what it should not have done.

    python audited.py CASES [PLANT]

CASES is a JSON list of [folder, arguments]; PLANT makes checking a spec do something that the hook has to see.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import archc.lower
from archc.cli.main import main

PACKAGE = Path(archc.__file__).resolve().parent
OWN = [PACKAGE, PACKAGE.parent / "specs", *(Path(prefix).resolve() for prefix in (sys.prefix, sys.base_prefix))]
MODULES = sys.stdlib_module_names | {"archc", "yaml", "_yaml"}
WRITERS = ("dataclasses", "collections", "typing", "enum")
"""Modules of Python that run text of their own making."""
FORBIDDEN = ("socket.", "subprocess.", "ctypes.", "pickle.", "urllib.", "http.", "ftplib.", "shutil.", "webbrowser.")
FORBIDDEN_CALLS = {
    *("os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.startfile", "os.kill"),
    *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod", "os.truncate"),
    *("os.putenv", "code.__new__"),
}

roots: list[Path] = []
"""What may be read besides Python and archc; empty while the hook is off."""
violations: list[str] = []


def is_inside(path: Any) -> bool:
    real = Path(os.path.realpath(os.fsdecode(path)))
    return any(real.is_relative_to(root) for root in (*OWN, *roots))


def caller() -> str:
    """The module that asked for what the hook sees; the hook's own frames and the import machinery are passed over."""
    frame = sys._getframe(2)
    while frame is not None and frame.f_globals.get("__name__", "").startswith(("importlib", "__main__")):
        frame = frame.f_back  # type: ignore[assignment]
    return str(frame.f_globals.get("__name__", "")) if frame is not None else ""


def judge(event: str, args: tuple[Any, ...]) -> str:
    """What is wrong with an event, or nothing."""
    if event == "open" and isinstance(args[0], str | bytes | os.PathLike):
        writes = isinstance(args[1], str) and set(args[1]) & set("wax+")
        return "" if is_inside(args[0]) and not writes else f"opens {args[0]!r}"
    if event in ("os.listdir", "os.scandir", "glob.glob"):
        is_searched = str(args[0]) in sys.path and caller() not in ("os", "glob", "pathlib")  # for what to import
        return "" if args[0] is None or is_searched or is_inside(args[0] or ".") else f"lists {args[0]!r}"
    if event == "import":
        return "" if str(args[0]).partition(".")[0] in MODULES else f"imports {args[0]}"
    if event in ("exec", "compile"):
        name = args[0].co_filename if event == "exec" else args[1]
        by_python = caller() in WRITERS
        is_file = isinstance(name, str) and not name.startswith("<") and is_inside(name)
        return (
            "" if by_python or is_file or str(name).startswith("<frozen ") else f"{event} of {name!r}: {args[0]!r:.80}"
        )
    if event.startswith(FORBIDDEN) or event in FORBIDDEN_CALLS:
        return f"{event} {args!r:.80}"
    return ""


def hook(event: str, args: tuple[Any, ...]) -> None:
    if roots:
        what = judge(event, args)
        if what:
            violations.append(what)


PLANTS: dict[str, Callable[[str], object]] = {
    "import": lambda word: __import__(word),
    "exec": lambda word: exec(f"{word} = 1", {}),
    "compile": lambda word: compile(word, "<spec>", "eval"),
    "socket": lambda word: socket.socket().close(),
    "subprocess": lambda word: subprocess.run(["true"], check=True),
    "open": lambda word: Path("/etc/passwd").read_bytes(),
    "link": lambda word: Path("outside.yaml").read_bytes(),
    "write": lambda word: Path("written.txt").write_text(word),
    "list": lambda word: os.listdir("/etc"),
    "system": lambda word: os.system("true"),
}


def plant(name: str) -> None:
    """Let every check of a spec do what `name` says, with a word of the spec."""
    lower = archc.api.lower

    def poisoned(spec: Any, *rest: Any) -> Any:
        with contextlib.suppress(ImportError):
            PLANTS[name](spec.name)
        return lower(spec, *rest)

    archc.api.lower = poisoned


def run(cases: list[tuple[str, list[str]]]) -> int:
    """Check all cases; how many of them were checked to their end."""
    done = 0
    for folder, arguments in cases:
        os.chdir(folder)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
            roots.append(Path(folder).resolve())
            main(["validate", "--jobs", "1", *arguments])  # what each of several processes does, this one does
            done += 1
        roots.clear()
    return done


if __name__ == "__main__":
    cases = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    if len(sys.argv) > 2:
        plant(sys.argv[2])
    sys.addaudithook(hook)
    done = run(cases)
    print(json.dumps({"done": done, "violations": sorted(set(violations))}))
