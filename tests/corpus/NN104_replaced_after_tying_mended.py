import torch
from torch import nn


class LanguageModel(nn.Module):
    def __init__(self, vocabulary=64, width=24):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width)
        self.body = nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, vocabulary, bias=False)
        self.embed.weight = nn.Parameter(torch.randn(vocabulary, width) * 0.02)
        self.head.weight = self.embed.weight

    def forward(self, ids):
        states, _ = self.body(self.embed(ids))
        return self.head(states)
