"""Numbers written for a dtype: read back by torch they are the same, and no shorter text is."""

import pytest
import torch

from inspector.core.numbers import parse_number, write_number

DTYPES = ["float16", "bfloat16", "float32", "float64"]


@pytest.mark.parametrize("name", DTYPES)
def test_what_is_written_is_read_back_the_same(name):
    dtype = getattr(torch, name)
    generator = torch.Generator().manual_seed(0)
    scales = 10.0 ** torch.randint(-7, 5, (300,), generator=generator)
    special = torch.tensor([0.0, -0.0, 1.0, 0.1, float("inf"), float("-inf"), torch.finfo(dtype).max])
    for value in torch.cat([torch.randn(300, generator=generator) * scales, special]).to(dtype):
        text = write_number(value.item(), name)
        assert torch.equal(torch.tensor(parse_number(text, name), dtype=dtype), value)


def test_the_text_is_the_shortest():
    assert write_number(torch.tensor(0.1).item(), "float32") == "0.1"
    assert write_number(torch.tensor(0.1, dtype=torch.float16).item(), "float16") == "0.1"
    assert write_number(float("nan"), "float32") == "nan"
    assert write_number(3.0, "int64") == "3"
    assert write_number(1.0, "bool") == "true"
