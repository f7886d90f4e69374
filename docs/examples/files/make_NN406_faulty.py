# checked: nninspect check NN406_faulty.safetensors
"""A download that stopped before its end."""

import torch
from safetensors.torch import save

whole = save({"weight": torch.ones(64, 32), "bias": torch.ones(64)})
with open("NN406_faulty.safetensors", "wb") as stream:
    stream.write(whole[:-1000])
