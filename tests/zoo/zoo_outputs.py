"""Inputs and outputs that are not one tensor."""

from dataclasses import dataclass

import torch
from torch import nn
from zoo_specimen import Given, image, specimen


class TwoHeads(nn.Module):
    """Returns a tuple from the inside of a network."""

    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Linear(4, 2)
        self.right = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.left(x), self.right(x)


@specimen(image(5, 4))
class TupleOutput(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.heads = TwoHeads()

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
        heads = self.heads(x)
        return x, heads


@specimen(image(5, 4))
class DictOutput(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.heads = TwoHeads()

    def forward(self, x: torch.Tensor) -> dict[str, object]:
        left, right = self.heads(x)
        return {"left": left, "both": [left, right], "loss": None, "scale": 2.0}


@dataclass
class Prediction:
    scores: torch.Tensor
    label: torch.Tensor
    note: str


@specimen(image(5, 4))
class DataclassOutput(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> Prediction:
        scores = self.linear(x)
        return Prediction(scores, scores.argmax(dim=1), "not a tensor")


class Listener(nn.Module):
    """Keeps what it sees and returns nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0

    def forward(self, x: torch.Tensor) -> None:
        self.seen += x.shape[0]


@specimen(image(5, 4))
class NoneOutput(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)
        self.listener = Listener()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.linear(x)
        self.listener(x)
        return x


@specimen(arguments=lambda: ([torch.ones(2, 3), torch.ones(2, 4)],))
class ListArgument(nn.Module):
    """One argument, which is a list: not two arguments."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(7, 2)

    def forward(self, parts: list[torch.Tensor]) -> torch.Tensor:
        return self.linear(torch.cat(parts, dim=1))


@specimen(arguments=lambda: ({"image": torch.ones(2, 3), "age": torch.ones(2, 1)},))
class DictArgument(nn.Module):
    """One argument, which is a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 2)

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.linear(torch.cat([batch["image"], batch["age"]], dim=1))


@specimen(image(2, 3), image(2, 4), Given((2, 1), "int64", below=5))
class SeveralInputs(nn.Module):
    """Three inputs of two dtypes, and a fourth that may be left out."""

    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Linear(3, 6)
        self.right = nn.Linear(4, 6)
        self.kind = nn.Embedding(5, 6)

    def forward(self, left: torch.Tensor, right: torch.Tensor, kind: torch.Tensor, scale: float = 1.0) -> torch.Tensor:
        return (self.left(left) + self.right(right)).unsqueeze(1) * self.kind(kind) * scale


@specimen(image(5, 4))
class ReturnsItsInput(nn.Module):
    """Modules whose output is the very tensor that came in."""

    def __init__(self) -> None:
        super().__init__()
        self.nothing = nn.Identity()
        self.dropout = nn.Dropout(0.5)
        self.linear = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.nothing(self.linear(self.dropout(self.nothing(x))))


@specimen(image(5, 4))
class DistributionOutput(nn.Module):
    """Returns an object of a class that nobody else knows how to take apart."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.distributions.Categorical:
        return torch.distributions.Categorical(logits=self.linear(x))


@specimen(image(5, 4))
class ScalarOutput(nn.Module):
    """A tensor without axes."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x).mean()
