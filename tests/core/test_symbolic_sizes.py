import re
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from inspector.core.symbolic_sizes import symbolic_sizes


def value_of(text, numbers):
    """An expression worked out by Python's own arithmetic."""
    text = re.sub("⌊(.*?)/(\\d+)⌋", r"((\1) // \2)", text)
    text = re.sub("⌈(.*?)/(\\d+)⌉", r"(-(-(\1) // \2))", text)
    return eval(text.replace("·", "*").replace("−", "-"), {}, numbers)


layers = st.lists(
    st.tuples(st.integers(1, 7), st.integers(1, 4), st.integers(0, 3)).filter(lambda k: k[2] <= k[0] // 2), max_size=4
)


@given(layers, st.integers(200, 400), st.integers(150, 5000))
def test_strided_windows_one_after_another(windows, base, other):
    def size(length):
        for kernel, stride, padding in windows:
            length = (length + 2 * padding - kernel) // stride + 1
        return length

    found = symbolic_sizes({"H": base}, lambda numbers: {"y": [size(numbers["H"]), 3]})["y"]
    assert found[1] == 3
    stride = 1
    for _, step, _ in windows:
        stride *= step
    if 960 % stride == 0 and stride <= 64:
        assert value_of(found[0], {"H": other}) == size(other)
    else:
        assert found[0] is None or value_of(found[0], {"H": other}) == size(other)


def texts(sizes, **base):
    return symbolic_sizes(base, lambda numbers: {"y": sizes(**numbers)})["y"]


def test_sums_multiples_and_products_of_symbols():
    found = texts(lambda past, new, batch: [past + new, 2 * new - 1, 12 * batch * new, 7], past=3, new=5, batch=2)
    assert found == ["past + new", "2·new − 1", "12·new·batch", 7]


def test_halves_rounded_up_and_down():
    assert texts(lambda H: [H // 2, ceil(H / 2), (H + 3) // 8], H=224) == ["⌊H/2⌋", "⌈H/2⌉", "⌊(H + 3)/8⌋"]


def test_a_symbol_that_cannot_change_stands_as_its_number():
    def measure(numbers):
        return {"y": [numbers["batch"], numbers["H"]]} if numbers["batch"] == 1 else None

    assert symbolic_sizes({"batch": 1, "H": 8}, measure)["y"] == [1, "H"]


def test_what_follows_no_expression_is_unknown():
    assert texts(lambda n, m: [n * n, min(n, 300), n * m + n, 2 * ceil(n / 2)], n=8, m=9) == [None] * 4


def test_another_rank_for_other_numbers_is_unknown():
    assert texts(lambda n: [1, n] if n == 8 else [n], n=8) == [None, None]


def test_numbers_that_contradict_each_other_say_nothing():
    assert symbolic_sizes({"n": 1}, lambda numbers: None) == {}
