"""onnx's node tests and PyTorch's operator samples, as outside oracles of the shape rules."""
