"""Pages of text: lines that are too wide go on below, indented, whatever is in them."""

import pytest
from textual.content import Content

from inspector.tui.page import Page


def lines(page: Page, width: int) -> list[str]:
    content: Content = page.content(width)
    return content.plain.splitlines()


def test_a_long_text_goes_on_under_its_beginning():
    page = Page()
    page.line(("evidence  ", ""), ("one two three four five", ""), hang=10)
    assert lines(page, 24) == ["evidence  one two three", " " * 10 + "four five"]


@pytest.mark.parametrize("width", [10, 24, 40, 59, 60, 61])
def test_a_label_wider_than_the_page_ends_too(width):
    page = Page()
    page.line(("x" * 60, ""), (" one two three four five", ""), hang=10)
    assert lines(page, width) == ["x" * 60 + " one two three four five"]
