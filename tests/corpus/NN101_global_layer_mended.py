# options: --input image=3x30 --input text=3x12
import torch
from torch import nn


class Similarity(nn.Module):
    def __init__(self, width=20):
        super().__init__()
        self.image = nn.Linear(30, width)
        self.text = nn.Linear(12, width)
        self.temperature = nn.Parameter(torch.tensor([0.07]))

    def forward(self, image, text):
        a = nn.functional.normalize(self.image(image), dim=-1)
        b = nn.functional.normalize(self.text(text), dim=-1)
        return (a * b).sum(-1) / self.temperature
