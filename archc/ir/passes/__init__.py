"""Passes over the graph, one file each."""

from archc.ir.passes.base import Pass, run_passes
from archc.ir.passes.fold import fold
from archc.ir.passes.inference import inference

__all__ = ["Pass", "fold", "inference", "run_passes"]
