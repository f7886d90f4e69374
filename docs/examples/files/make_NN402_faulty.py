# checked: nninspect check NN402_faulty.pt
"""Weights saved after a step in which the loss overflowed."""

import torch

state = torch.load("../../sample_models/mlp.params", weights_only=True)
key = next(key for key, value in state.items() if value.dim() == 2)
state[key][0, 3] = float("nan")
torch.save(state, "NN402_faulty.pt")
