"""What is known about a model, and arithmetic on it: plain records without torch, onnx, numpy, textual or rich."""
