"""What all tests share."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from time import thread_time

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:
    # there are as many workers as cores: threads of torch's would only wait for each other
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--regenerate", action="store_true", help="rewrite the expected outputs from the real ones")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """One process rewrites: several would write the same pages."""
    if config.getoption("--regenerate"):
        config.option.numprocesses = 0


@pytest.fixture
def regenerate(request: pytest.FixtureRequest) -> bool:
    """Whether to rewrite expected outputs instead of comparing."""
    return bool(request.config.getoption("--regenerate"))


@pytest.fixture
def within() -> object:
    """`with within(seconds):` fails where the block takes this thread longer.

    What the suite itself holds in memory is kept from the collector meanwhile: a command of its own would not have it.
    """

    @contextmanager
    def limit(seconds: float) -> Iterator[None]:
        gc.collect()
        gc.freeze()
        start = thread_time()
        try:
            yield
            assert thread_time() - start < seconds
        finally:
            gc.unfreeze()

    return limit


def pytest_configure() -> None:
    """Take SIGINT back where the tests run in the background of a shell, which has it ignored by all that it starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
