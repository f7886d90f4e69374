import torch
from torch import nn


class BagOfWords(nn.Module):
    def __init__(self, vocab=500, dim=20, labels=4):
        super().__init__()
        self.table = nn.Embedding(vocab, dim)
        self.classify = nn.Linear(dim, labels)

    def forward(self, ids):
        pooled = self.table(ids).mean(dim=1)
        return self.classify(pooled)


if __name__ == "__main__":
    print(BagOfWords()(torch.randint(500, (3, 9))))
