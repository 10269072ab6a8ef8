"""The ONNX target: a graph straight to a model, without tracing and without torch."""

from archc.backends.onnx.emitted import Emitted, emitted
from archc.backends.onnx.model import DEFAULT_OPSET, SUPPORTED_OPSETS, Form, Model, build, tensor_names, to_onnx
from archc.backends.onnx.site import Inexpressible
from archc.backends.onnx.tensors import OutOfRange
from archc.backends.onnx.write import LIMIT, serialise, write_onnx

__all__ = [
    "DEFAULT_OPSET",
    "LIMIT",
    "SUPPORTED_OPSETS",
    "Emitted",
    "Form",
    "Inexpressible",
    "Model",
    "OutOfRange",
    "build",
    "emitted",
    "serialise",
    "tensor_names",
    "to_onnx",
    "write_onnx",
]
