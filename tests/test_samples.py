"""The shape rules against onnx's node tests and PyTorch's operator samples: every sample that our ops can say is equal."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is the oracle")
pytest.importorskip("onnx")
pytest.importorskip("expecttest", reason="torch's own samples need it")

from archc.ir import TensorType, ops  # noqa: E402
from tests.samples.case import Sample  # noqa: E402
from tests.samples.compare import Comparison, compare, table  # noqa: E402


@pytest.fixture(scope="module")
def found() -> Comparison:
    torch.set_num_threads(1)
    return compare()


def test_every_sample_that_our_ops_can_say_has_the_same_shape(found: Comparison) -> None:
    assert [f"{one.source} {one.name}: {one.fault}" for one in found.differing] == []


def test_most_operators_have_samples_that_are_equal(found: Comparison) -> None:
    for source, least in (("onnx", 35), ("torch", 40)):
        operators = {operator for where, operator in found.equal if where == source}
        assert len(operators) >= least
    for operator in ("Conv", "ConvTranspose", "MaxPool", "AveragePool", "Resize", "Concat", "Split", "Pad", "Softmax"):
        assert found.equal["onnx", operator] >= 4
    for name in ("conv2d", "conv_transpose2d", "max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "pad", "batch_norm"):
        assert found.equal["torch", f"nn.functional.{name}"] >= 2


def test_each_sample_that_is_left_out_has_its_reason(found: Comparison) -> None:
    assert found.reasons.total() == found.excluded.total()
    printed = table(found)
    assert all(reason in printed for _, reason in found.reasons)
    assert f"{found.equal.total():>8}" in printed


@pytest.mark.parametrize(
    ("op", "expected", "fault"),
    [
        (ops.MaxPool((2, 2), (2, 2), (0, 0), (1, 1), True), (4, 4, 4), ""),
        (ops.MaxPool((2, 2), (2, 2), (0, 0), (1, 1), False), (4, 4, 4), "(4, 3, 3) for (4, 4, 4)"),
        (ops.MaxPool((9, 9), (2, 2), (0, 0), (1, 1), False), (4, 1, 1), "refused: the pool's window is larger"),
    ],
)
def test_a_shape_that_differs_is_seen(op: ops.Op, expected: tuple[int, ...], fault: str) -> None:
    sample = Sample("torch", "pool", "pool", op, (TensorType(4, (7, 7)),), expected)
    assert sample.fault.startswith(fault)
    assert bool(sample.fault) == bool(fault)
