"""Every planted fault is found on its own network, on which nothing is found without it."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is the oracle")
pytest.importorskip("onnxruntime", reason="running ONNX needs onnxruntime")

from tests.planted.__main__ import found_on_its_network  # noqa: E402
from tests.planted.faults import FAULTS, Fault  # noqa: E402
from tests.planted.plant import planted  # noqa: E402
from tests.random_networks.generate import case_of  # noqa: E402
from tests.random_networks.judge import judge  # noqa: E402


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_planted_fault_is_found(fault: Fault) -> None:
    torch.set_num_threads(1)
    assert judge(case_of(fault.net, 0)).faults == []
    assert found_on_its_network(fault)
    assert judge(case_of(fault.net, 0)).faults == []  # and is gone again


def test_there_are_faults_of_every_sort() -> None:
    assert len(FAULTS) >= 20
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    layers = {fault.module.split(".")[1] for fault in FAULTS}
    assert layers == {"backends", "ir"}


def test_a_stale_fault_is_told() -> None:
    fault = FAULTS[0]
    stale = Fault("stale", fault.module, fault.function, "no such text", "", fault.net)
    with pytest.raises(AssertionError, match="has no 'no such text'"), planted(stale):
        pass
