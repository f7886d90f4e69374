"""The file cannot be imported: it needs a package that does not exist."""

from a_package_that_does_not_exist import layer
from torch import nn

net = nn.Sequential(layer(), nn.Linear(4, 2))
