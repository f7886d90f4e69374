import torch
from torch import nn


def initialise(module):
    if isinstance(module, (nn.Linear, nn.EmbeddingBag)):
        nn.init.xavier_uniform_(module.weight)


class Tags(nn.Module):
    def __init__(self):
        super().__init__()
        self.bag = nn.EmbeddingBag(80, 8, mode="sum", padding_idx=79)
        self.out = nn.Linear(8, 4)
        self.apply(initialise)

    def forward(self, tags):
        return self.out(self.bag(tags))
