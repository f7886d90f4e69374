"""Exports a PyTorch model to ONNX, says why where that fails, and compares the file with the model."""
