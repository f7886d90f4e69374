# checked: nninspect check NN406_mended.safetensors
"""The whole file."""

import torch
from safetensors.torch import save_file

torch.manual_seed(0)
save_file({"weight": torch.randn(64, 32), "bias": torch.ones(64)}, "NN406_mended.safetensors")
