import torch
from torch import nn


class Matcher(nn.Module):
    """How well a query fits a document."""

    def __init__(self, vocab=300, dim=16):
        super().__init__()
        self.words = nn.Embedding(vocab, dim)
        self.join = nn.Linear(2 * dim, dim)
        self.score = nn.Linear(dim, 1)

    def forward(self, query, document):
        q = self.words(query).mean(1)
        d = self.words(document).max(1).values
        both = torch.cat([q, d.expand_as(q)], dim=1)
        return self.score(torch.relu(self.join(both)))


if __name__ == "__main__":
    m = Matcher()
    m(torch.randint(0, 300, (4, 6)), torch.randint(0, 300, (4, 30)))
