"""The live model. The only folder that imports torch, torchvision or onnxruntime."""
