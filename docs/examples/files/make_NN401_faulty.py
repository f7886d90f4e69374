# checked: nninspect check ../../sample_models/lenet.py --weights NN401_faulty.pt
"""LeNet's weights without the last layer, as after a copy that filtered keys."""

import torch

state = torch.load("../../sample_models/lenet.params", weights_only=True)
kept = {key: value for key, value in state.items() if not key.startswith("fc3")}
torch.save(kept, "NN401_faulty.pt")
