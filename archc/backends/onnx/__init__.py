"""The ONNX target: a graph straight to a ModelProto, without tracing and without torch."""

from archc.backends.onnx.model import DEFAULT_OPSET, SUPPORTED_OPSETS, tensor_names, to_onnx
from archc.backends.onnx.site import Inexpressible
from archc.backends.onnx.write import LIMIT, serialise, write_onnx

__all__ = [
    "DEFAULT_OPSET",
    "LIMIT",
    "SUPPORTED_OPSETS",
    "Inexpressible",
    "serialise",
    "tensor_names",
    "to_onnx",
    "write_onnx",
]
