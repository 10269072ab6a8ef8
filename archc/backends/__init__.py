"""The targets: Python source, torch modules, ONNX files."""
