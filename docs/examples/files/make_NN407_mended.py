# checked: nninspect check NN407_mended.pt
"""Tensors and plain values only."""

import torch

torch.save({"weight": torch.ones(3), "note": "no code"}, "NN407_mended.pt")
