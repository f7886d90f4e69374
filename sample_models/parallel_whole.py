"""`registered_twice.py` with DataParallel around the whole.

Shows: DataParallel keeps the model in its attribute `module`, so every key begins with `module.`. The weights in
`parallel_whole.params` were saved from here; they also fit the plain model once that part is dropped.
The model of this file is the instance `net`.
"""

from registered_twice import RegisteredTwice
from torch import nn

net = nn.DataParallel(RegisteredTwice())
