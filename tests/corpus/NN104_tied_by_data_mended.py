from torch import nn


class Tied(nn.Module):
    def __init__(self, words=50, size=12):
        super().__init__()
        self.tokens = nn.Embedding(words, size)
        self.decoder = nn.Linear(size, words)
        self.decoder.weight = self.tokens.weight

    def forward(self, ids):
        return self.decoder(self.tokens(ids).tanh())
