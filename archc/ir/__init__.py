"""The intermediate representation: types, ops, the graph, its verifier and its passes."""

from archc.ir.graph import Axis, Graph, Input, Node, Output, Scope
from archc.ir.types import Dim, TensorType

__all__ = ["Axis", "Dim", "Graph", "Input", "Node", "Output", "Scope", "TensorType"]
