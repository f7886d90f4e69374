import torch
from torch import nn


class Tagger(nn.Module):
    def __init__(self, vocabulary=500, hidden=32, tags=9):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, 24)
        self.lstm = nn.LSTM(24, hidden, batch_first=True, bidirectional=True)
        self.tag = nn.Linear(2 * hidden, tags)

    def forward(self, tokens: torch.LongTensor):
        states, _ = self.lstm(self.embedding(tokens))
        return self.tag(states)
