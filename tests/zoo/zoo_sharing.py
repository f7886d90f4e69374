"""One module at several places, one tensor under several keys, tensors where few tools look."""

import torch
import torch.nn.functional as F
from torch import nn
from zoo_specimen import ids, image, specimen


@specimen(ids(2, 5, below=11))
class TiedHead(nn.Module):
    """The head's weight is the embedding's: two keys, one tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 6)
        self.head = nn.Linear(6, 11, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.head(self.embedding(ids))


class Branch(nn.Module):
    """A parent that was given its child."""

    def __init__(self, shared: nn.Module) -> None:
        super().__init__()
        self.own = nn.Linear(4, 4)
        self.inner = shared

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(self.own(x))


@specimen(image(3, 4))
class OneModuleTwoParents(nn.Module):
    """One module under two parents; which place a call belongs to depends on the caller."""

    def __init__(self) -> None:
        super().__init__()
        shared = nn.Linear(4, 4)
        self.left = Branch(shared)
        self.right = Branch(shared)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.right(x) + self.left(self.right(x))


@specimen(image(3, 4))
class CalledTwice(nn.Module):
    """A module called twice in a row, with different shapes."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(self.layer(x).unsqueeze(1))


@specimen(image(3, 4))
class RepeatedInSequential(nn.Module):
    """The same two modules at several places of one Sequential."""

    def __init__(self) -> None:
        super().__init__()
        layer, activation = nn.Linear(4, 4), nn.ReLU()
        self.net = nn.Sequential(layer, activation, layer, activation, layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x)


@specimen(image(2, 3, 8, 8))
class OneActivationEverywhere(nn.Module):
    """One ReLU object for the whole network, as older code has it."""

    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU(inplace=True)
        self.first = nn.Sequential(nn.Conv2d(3, 4, 3), self.relu)
        self.second = nn.Sequential(nn.Conv2d(4, 5, 3), self.relu)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.relu(self.second(self.first(x)) - 1)


@specimen(image(3, 4))
class ParametersInContainers(nn.Module):
    """A ParameterList, a ParameterDict, and a Sequential that owns a parameter beside its children."""

    def __init__(self) -> None:
        super().__init__()
        self.scales = nn.ParameterList([torch.ones(4), torch.full((4,), 2.0)])
        self.shifts = nn.ParameterDict({"up": torch.ones(4), "with space": torch.zeros(4)})
        self.net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
        self.net.register_parameter("temperature", nn.Parameter(torch.ones(())))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x * self.scales[0] * self.scales[1] + self.shifts["up"] + self.shifts["with space"]
        return self.net(x) / self.net.temperature


@specimen(image(3, 4))
class AllKindsOfBuffers(nn.Module):
    """A buffer, the same one under another name, one that is not saved, and one that is None."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.arange(4.0))
        self.register_buffer("also_mean", self.mean)
        self.register_buffer("mask", torch.ones(4, dtype=torch.bool), persistent=False)
        self.register_buffer("nothing", None)
        self.register_parameter("no_bias", None)
        self.linear = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear((x - self.mean) * self.mask)


@specimen(image(3, 4))
class TwoViewsOfOneStorage(nn.Module):
    """Two parameters that share memory and yet are different tensors: the halves of one storage."""

    def __init__(self) -> None:
        super().__init__()
        whole = torch.randn(8, 4)
        self.upper = nn.Parameter(whole[:4])
        self.lower = nn.Parameter(whole[4:])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(F.linear(x, self.upper), self.lower)


@specimen(image(3, 4))
class PartlyFrozen(nn.Module):
    """The body does not learn; one bias of the head does not either."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(4, 8).requires_grad_(requires_grad=False)
        self.head = nn.Linear(8, 2)
        self.head.bias.requires_grad_(requires_grad=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(x))
