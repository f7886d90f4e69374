"""An ONNX file as a live model: read with onnx, run with onnxruntime."""

from inspector.engine.onnx_model.model import OnnxModel, open_onnx

__all__ = ["OnnxModel", "open_onnx"]
