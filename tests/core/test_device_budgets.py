"""Budgets of devices as they are typed."""

import pytest

from inspector.core.device_budgets import Budget, parse_budgets, written
from inspector.core.errors import RequestError


def test_sizes_are_read_as_those_of_memory() -> None:
    assert parse_budgets("cuda:0=20GiB, cuda:1=10GB,cpu,disk") == [
        Budget(device="cuda:0", bytes=20 * 2**30),
        Budget(device="cuda:1", bytes=10**10),
        Budget(device="cpu"),
        Budget(device="disk"),
    ]
    assert parse_budgets("CUDA=1KiB") == [Budget(device="cuda:0", bytes=1024)]
    assert parse_budgets("auto") == []


@pytest.mark.parametrize("text", ["cuda:0=20GiB,cpu=1536MiB,disk", "cpu=10000000001B", "auto", "meta=1KiB"])
def test_what_is_written_reads_the_same(text: str) -> None:
    assert written(parse_budgets(text)) == text


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("gpu0=20GiB", "is no device"),
        ("cuda:0=lots", "is no size of memory"),
        ("cpu,cpu=1GiB", "there twice"),
        ("cuda,cuda:0", "there twice"),
        ("", "is no device"),
        ("cpu=", "is no size of memory"),
        ("cpu=1GiB,", "is no device"),
    ],
)
def test_what_does_not_read_is_refused_in_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(RequestError, match=sentence):
        parse_budgets(text)
