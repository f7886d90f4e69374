# checked: nninspect check NN407_faulty.pt
"""A file that runs a command where it is loaded with weights_only=False. nninspect only reads what it says."""

import os

import torch


class Hostile:
    """Its pickle is a call of os.system."""

    def __reduce__(self):
        return os.system, ("echo this would have run",)


torch.save({"weight": torch.ones(3), "note": Hostile()}, "NN407_faulty.pt")
