# also: NN801
import torch.nn as nn
import torch.nn.functional as F


class MultiTask(nn.Module):
    def __init__(self):
        super(MultiTask, self).__init__()
        self.trunk = nn.Linear(32, 64)
        self.heads = {
            "age": nn.Linear(64, 1),
            "gender": nn.Linear(64, 2),
        }

    def forward(self, x):
        h = F.relu(self.trunk(x))
        return {name: head(h) for name, head in self.heads.items()}
