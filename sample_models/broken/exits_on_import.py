"""The file ends the process while it is being imported, as a script without a main guard may do."""

import sys

from torch import nn

net = nn.Linear(4, 2)
print("done")
sys.exit(0)
