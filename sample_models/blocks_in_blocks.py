"""A `Sequential` of `Sequential`s, the inner ones named with `add_module`.

Shows: a child of a `Sequential` is called by its position ("0", "1") unless `add_module` gave it a name, which may
even hold a space: the key `0.block 2.2.weight` is right, and Python reaches it with
`getattr(net[0], "block 2")[2].weight`.
The model of this file is the instance `net`.
"""

from torch import nn


def block() -> nn.Sequential:
    """[n, 4] to [n, 4], through eight hidden units."""
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 4), nn.ReLU())


def blocks(count: int = 4) -> nn.Sequential:
    """`count` blocks in a row, named "block 0", "block 1" and so on."""
    row = nn.Sequential()
    for number in range(count):
        row.add_module(f"block {number}", block())
    return row


net = nn.Sequential(blocks(), nn.Linear(4, 1))
