# checked: nninspect check ../../sample_models/lenet.py --weights NN401_mended.pt
"""All of LeNet's weights."""

import torch

state = torch.load("../../sample_models/lenet.params", weights_only=True)
torch.save(state, "NN401_mended.pt")
