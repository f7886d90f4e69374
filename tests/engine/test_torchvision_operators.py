"""What stands in for torchvision's operators gives what their definitions say."""

import torch

from inspector.engine.pytorch.torchvision_operators import nms


def overlap(a, b):
    """The area that two boxes share by the area that they cover, point by point of a fine grid."""
    side = torch.arange(0, 12, 0.25) + 0.125
    x, y = torch.meshgrid(side, side, indexing="xy")

    def inside(box):
        return (x > box[0]) & (x < box[2]) & (y > box[1]) & (y < box[3])

    return float((inside(a) & inside(b)).sum() / (inside(a) | inside(b)).sum())


def test_boxes_are_kept_as_by_comparing_every_pair():
    generator = torch.Generator().manual_seed(0)
    corners = torch.randint(0, 8, (24, 2), generator=generator).float()
    sizes = torch.randint(1, 5, (24, 2), generator=generator).float()
    boxes = torch.cat([corners, corners + sizes], 1)
    scores = torch.rand(24, generator=generator)
    for threshold in (0.11, 0.31, 0.71):
        kept = []
        for index in scores.argsort(descending=True).tolist():
            if all(overlap(boxes[index], boxes[other]) <= threshold for other in kept):
                kept.append(index)
        assert nms(boxes, scores, threshold).tolist() == kept


def test_no_box_keeps_none():
    assert nms(torch.zeros(0, 4), torch.zeros(0), 0.5).tolist() == []
