"""The gradient flow: order, ratios, and what has none."""

import msgspec
import pytest
from made_reports import FINITE, gradient, report, row, tensor

from inspector.core.gradient_flow import gradient_flow, scale_of, sum_text
from inspector.core.results import GradientUse


def test_parameters_come_in_order_of_execution_and_tied_ones_once():
    rows = [row(0, ""), row(1, "late"), row(2, "early")]
    names = ["early.weight", "late.weight", "late.twin", "scale"]
    tensors = [
        tensor("early.weight"),
        tensor("late.weight", tied_to=["late.twin"]),
        tensor("late.twin", tied_to=["late.weight"]),
        tensor("scale"),
    ]
    points = gradient_flow(report(rows, tensors, [gradient(name) for name in names]))
    assert [point.key for point in points] == ["scale", "late.weight", "early.weight"]


@pytest.mark.parametrize(
    ("one", "ratio", "mark"),
    [
        (gradient("w", 3e-3), 3e-3, ""),
        (gradient("w", 0.0), None, "zero gradient"),
        (gradient("w", None, statistics=msgspec.structs.replace(FINITE, nan=1)), None, "not finite"),
        (gradient("w", None, statistics=msgspec.structs.replace(FINITE, inf=1)), None, "not finite"),
        (gradient("w", None, weight=None), None, "not finite"),
        (gradient("w", None, weight=0.0), None, "zero weight"),
        (gradient("w", None, statistics=None), None, "no gradient"),
    ],
)
def test_what_has_no_ratio_says_why(one, ratio, mark):
    (point,) = gradient_flow(report([row(0, "")], [tensor("w")], [one]))
    assert point.mark == mark
    assert point.ratio == (None if ratio is None else pytest.approx(ratio))


def test_frozen_parameters_are_left_out():
    assert gradient_flow(report([row(0, "")], [tensor("w", trainable=False)], [gradient("w")])) == []


def test_the_scale_holds_all_ratios_between_powers_of_ten():
    rows = [row(0, "")]
    tensors = [tensor(name) for name in "abc"]
    sizes = {"a": 3e-9, "b": 2e-3, "c": 0.0}
    points = gradient_flow(report(rows, tensors, [gradient(name, size) for name, size in sizes.items()]))
    scale = scale_of(points)
    assert (scale.low, scale.high) == (-9, -2)
    assert scale.share(1e-9) == 0
    assert scale.share(1e-2) == 1
    assert scale.share(10**-5.5) == pytest.approx(0.5)
    assert scale_of(points[2:]) is None


def test_a_sum_is_told_with_its_parts():
    uses = [
        GradientUse(path="emb", call=0, type="Embedding", norm=2.0, share=1.25),
        GradientUse(path="head", call=1, type="Linear", norm=1.0, share=-0.25),
    ]
    one = msgspec.structs.replace(gradient("w"), sum_note="the sum over 2 uses", gradient_uses=uses)
    told = "its gradient is the sum over 2 uses: emb Embedding 125 % (norm 2), head Linear call 2 −25 % (norm 1)"
    assert sum_text(one) == told
