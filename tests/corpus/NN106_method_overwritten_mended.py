# options: --input ids=2x7:int64~range(0,40)
from torch import nn


class Student(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(40, 10)
        self.body = nn.Linear(10, 10)
        self.embed.requires_grad_(False)

    def forward(self, ids):
        return self.body(self.embed(ids).mean(1))
