"""Many specs in several processes: the same bytes as in one, whatever happens to a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from archc import batch
from archc.batch import Target, check_all, processes
from archc.cli import main
from archc.diagnostics.formats import FORMATS
from archc.jobs import Lost, each

SPEC = "archc: 1\nname: net\ninput: {channels: 3, height: 32, width: 32}\nstages:\n  - {type: conv, out_channels: 8, kernel_size: %d}\n"
FORKS = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process does not see what a test replaces")


@pytest.fixture(autouse=True)
def _specs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty specs, every fourth wrong in its own way, and a base that is wrong for several."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    Path("specs").mkdir()
    for number in range(40):
        text = SPEC % number if number % 4 == 0 else SPEC % 3
        Path(f"specs/{number:02d}.yaml").write_text(text.replace("type", "tpye") if number % 7 == 5 else text)
    Path("specs/base.yaml").write_text(SPEC % 77)
    for name in "xyz":
        Path(f"specs/{name}.yaml").write_text(f"extends: base.yaml\nname: {name}\n")


@pytest.mark.parametrize("format", ["text", *FORMATS])
def test_the_output_is_that_of_one_process(format: str, capsys: pytest.CaptureFixture[str]) -> None:
    printed = []
    for jobs in ("1", "3"):
        assert main(["validate", "specs", "missing.yaml", "resnet18", "--format", format, "--jobs", jobs]) == 1
        printed.append(capsys.readouterr())
    assert printed[0] == printed[1]
    assert len(printed[0].out) > 500
    assert printed[0].err == ""


def test_fixes_are_those_of_one_process(capsys: pytest.CaptureFixture[str]) -> None:
    texts, printed = [], []
    before = {path: path.read_bytes() for path in Path("specs").iterdir()}
    for jobs in ("1", "3"):
        for path, data in before.items():
            path.write_bytes(data)
        assert main(["validate", "specs", "--fix", "--jobs", jobs]) == 1
        printed.append(capsys.readouterr().out)
        texts.append({path: path.read_bytes() for path in before})
    assert printed[0] == printed[1]
    assert printed[0].count("fixed ") == sum(b"tpye" in data for data in before.values()) == 5
    assert texts[0] == texts[1] != before


def test_standard_input_is_checked_beside_files() -> None:
    command = [sys.executable, "-m", "archc", "validate", "specs/01.yaml", "-", "specs/00.yaml", "--format", "concise"]
    runs = [
        subprocess.run([*command, "--jobs", jobs], input=SPEC % 99, capture_output=True, text=True) for jobs in "12"
    ]
    assert runs[0].stdout == runs[1].stdout
    assert [line.partition(":")[0] for line in runs[0].stdout.splitlines()] == ["<stdin>", "specs/00.yaml"]


@pytest.mark.parametrize("jobs", ["-1", "x", "1.5", ""])
def test_a_number_of_processes_that_is_none_is_bad_usage(jobs: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["validate", "specs", f"--jobs={jobs}"])
    assert stop.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_how_many_processes_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "_cores", lambda: 8)
    assert [processes(None, count) for count in (0, 1, 31, 32, 64, 1000)] == [1, 1, 1, 2, 4, 8]
    assert [processes(0, count) for count in (0, 1, 4, 1000)] == [1, 1, 4, 8]
    assert [processes(3, count) for count in (0, 1, 4, 1000)] == [1, 1, 3, 3]


# -- what can happen to a process ---------------------------------------------------------------------------------------


def double(number: int) -> int:
    return 2 * number


def fragile(number: int) -> int:
    if number in (3, 4, 17):
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 8:
        os._exit(5)
    return number


def faulty(number: int) -> int:
    return 1 // (number - 5)


def test_results_come_in_the_order_of_the_inputs() -> None:
    assert list(each(double, range(50), 3)) == [2 * number for number in range(50)]
    assert list(each(double, [], 3)) == []


@FORKS
def test_a_process_that_dies_costs_one_input() -> None:
    found = list(each(fragile, range(20), 2))
    lost = {3: Lost(-9), 4: Lost(-9), 17: Lost(-9), 8: Lost(5)}
    assert found == [lost.get(number, number) for number in range(20)]


def test_a_mistake_of_archc_is_raised_here_as_in_one_process() -> None:
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        list(each(faulty, range(20), 2))


@FORKS
def test_a_spec_whose_process_dies_is_a_finding(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = batch._check

    def check(target: Target, settings: list[str], **options: object) -> batch.Checked:
        if target.name.endswith("02.yaml"):
            os.kill(os.getpid(), signal.SIGKILL)
        return real(target, settings, **options)

    monkeypatch.setattr(batch, "_check", check)
    assert main(["validate", "specs", "--jobs", "2", "--format", "concise"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("specs/02.yaml:1:1: error[A0801]: the process that checked `specs/02.yaml` ended early")
    assert sum("A0801" in line for line in lines) == 1
    assert len(lines) > 5


def test_nothing_is_left_running_when_a_caller_stops_early() -> None:
    results = each(double, range(1000), 2)
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]
    import multiprocessing

    assert multiprocessing.active_children() == []


@FORKS
def test_an_interrupt_ends_all_processes_without_a_traceback() -> None:
    script = (
        "import os, sys, time\nfrom archc import batch\nfrom archc.cli import main\n"
        "def check(target, **more):\n    os.write(2, b'started\\n')\n    time.sleep(60)\n"
        "batch._check = check\nsys.exit(main(['validate', 'specs', '--jobs', '2']))\n"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert run.stderr is not None
    assert run.stderr.readline() == "started\n"
    start = time.monotonic()
    os.killpg(run.pid, signal.SIGINT)
    out, err = run.communicate(timeout=30)
    assert time.monotonic() - start < 30
    assert run.returncode == 130
    assert out == ""
    assert "Traceback" not in err
    with pytest.raises(ProcessLookupError):
        os.killpg(run.pid, 0)


def test_all_processes_use_no_name_but_that_of_the_spec() -> None:
    targets = [Target("specs/00.yaml"), Target("specs/04.yaml")]
    assert [one.target for one in check_all(targets, [], jobs=2)] == targets
