"""What the interface looks like in any terminal: ASCII alone, without colours, in any theme, at any size."""

import html
import re

import pytest
from fake_client import FakeClient, recipe
from places import BEGIN, DIALOGS, PANELS, Place, dressed
from rich.segment import Segment
from screen_text import session
from test_hostile_names import with_name
from textual.color import Color
from textual.theme import BUILTIN_THEMES

from inspector.core.errors import RequestError
from inspector.tui.ascii_filter import AsciiFilter, in_ascii
from inspector.tui.dressed_app import Appearance
from inspector.tui.screenshot import screenshot
from inspector.tui.themes import BEHIND, HIGH_CONTRAST, TEXT, legible_variables

HOSTILE = "模[/]😀é\u202e"


def beyond_ascii(app) -> set[str]:
    drawn = "".join(re.findall(r"<text [^>]*>([^<]*)</text>", app.export_screenshot()))
    return {char for char in html.unescape(drawn).replace("\xa0", " ") if ord(char) > 127}


@pytest.mark.slow
async def test_in_ascii_every_panel_and_dialog_is():
    async with dressed((160, 45), Appearance(ascii=True)) as ui:
        await ui.press(*BEGIN)
        for place in (*PANELS, *DIALOGS):
            await ui.press(*place.keys)
            assert beyond_ascii(ui.app) == set(), place.name
            await ui.press(*place.leave)


@pytest.mark.slow
async def test_in_ascii_names_are_escaped():
    async with dressed((160, 45), Appearance(ascii=True), FakeClient(with_name(HOSTILE, failed=False))) as ui:
        await ui.press("home", "down", "1")
        assert r"\u6a21[/]\U0001f600\xe9\u202e" in ui.text
        assert beyond_ascii(ui.app) == set()


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("1×3×32×32", "1x3x32x32"),
        ("⌊(32 − 5)/2⌋ + 1", "floor((32 - 5)/2) + 1"),
        ("gain·√(3/75)", "gain*sqrt(3/75)"),
        ("LeNet · eval", "LeNet . eval"),
        ("é模", r"\xe9\u6a21"),
        ("plain", "plain"),
    ],
)
def test_signs_become_what_is_nearest(text, written):
    assert in_ascii(text) == written


@pytest.mark.parametrize(
    ("texts", "line"),
    [
        (["模", "   |", "a"], [r"\u6a21 |"[:7]]),
        (["a → b", "    c"], ["a -> b", "   c"]),
        (["…"], ["~"]),
        (["模"], [r"\u"]),
    ],
)
def test_what_needs_more_room_takes_it_from_the_spaces_behind(texts, line):
    segments = AsciiFilter().apply([Segment(text) for text in texts], Color(0, 0, 0))
    drawn = "".join(segment.text for segment in segments)
    assert drawn.startswith("".join(line)[: len(drawn)])
    assert len(drawn) == sum(Segment(text).cell_length for text in texts)


def contrast(one: str, other: str) -> float:
    """By the formula of WCAG 2.2, https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""

    def luminance(text):
        linear = [
            value / 255 / 12.92 if value / 255 <= 0.04045 else ((value / 255 + 0.055) / 1.055) ** 2.4
            for value in Color.parse(text).rgb
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


THEMES = [theme for theme in (*BUILTIN_THEMES.values(), *HIGH_CONTRAST) if not theme.ansi]


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_text_stands_out_from_everything_it_is_drawn_on(theme):
    variables = {**theme.to_color_system().generate(), **theme.variables}
    variables = legible_variables(theme, variables)
    least = 7 if theme in HIGH_CONTRAST else 4.5
    ground = Color.parse(variables["background"])
    poor = {
        (text, behind): round(contrast(variables[text], (ground + Color.parse(variables[behind])).hex), 2)
        for text in TEXT
        for behind in BEHIND
        if contrast(variables[text], (ground + Color.parse(variables[behind])).hex) < least
    }
    assert poor == {}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "least"), [("high-contrast-dark", 7), ("high-contrast-light", 7), ("nord", 4.5)])
async def test_every_word_on_screen_stands_out(name, least):
    poor = set()
    async with dressed((120, 40), Appearance(theme=name)) as ui:
        await ui.press(*BEGIN)
        for place in (*PANELS, Place("found", ("slash", *"c"), ("escape",))):
            await ui.press(*place.keys)
            for line in ui.app.screen._compositor.render_strips():
                for text, style, _ in line:
                    if re.search(r"\w", text) and style and style.color and style.bgcolor and not style.dim:
                        colours = (style.color.get_truecolor().hex, style.bgcolor.get_truecolor().hex)
                        if contrast(*colours) < least:
                            poor.add((place.name, text.strip(), *colours, round(contrast(*colours), 2)))
            await ui.press(*place.leave)
    assert poor == set()


@pytest.mark.slow
async def test_a_theme_is_seen_at_once_kept_or_taken_off_again():
    async with session() as ui:
        before = ui.app.theme_name
        await ui.press("ctrl+t", "g", "j")
        seen = ui.app.theme_name
        assert seen != before
        await ui.press("escape")
        assert ui.app.theme_name == before
        await ui.press("ctrl+t", "home", "down", "enter")
        assert ui.app.theme_name == seen


async def test_an_unknown_theme_is_refused_with_those_there_are():
    client = FakeClient()
    with pytest.raises(RequestError, match=r"no theme 'nrod'; choose one of .*high-contrast-dark.*nord"):
        await screenshot(client, recipe(), (80, 24), [], appearance=Appearance(theme="nrod"))
    assert client.closed


@pytest.mark.slow
async def test_below_the_least_size_one_sentence_stands_for_everything_and_a_pass_goes_on():
    async with session(size=(80, 24)) as ui:
        ui.client.gate.clear()
        await ui.pilot.press("f", "enter")
        await ui.pilot.pause()
        await ui.pilot.resize_terminal(59, 24)
        await ui.until(lambda: "needs a terminal of 60×20" in ui.text, "it says what size it needs")
        assert "this one has 59×24" in " ".join(ui.text.split())
        assert "conv1" not in ui.text
        ui.client.gate.set()
        await ui.until(lambda: ui.app.report is not None, "the pass ends")
        await ui.pilot.press("i")
        await ui.pilot.resize_terminal(80, 24)
        await ui.until(lambda: "conv1" in ui.text, "the model is on show again")
        assert not ui.app.screen.is_modal


@pytest.mark.slow
async def test_a_dialog_gives_way_to_the_sentence_and_comes_back():
    async with session(size=(80, 24)) as ui:
        await ui.press("down", "i")
        await ui.pilot.resize_terminal(80, 19)
        await ui.until(lambda: "needs a terminal" in ui.text and "fan" not in ui.text, "the dialog is gone")
        await ui.pilot.resize_terminal(80, 24)
        await ui.until(lambda: "needs a terminal" not in ui.text and "fan" in ui.text, "the dialog is back")


@pytest.mark.slow
async def test_a_large_terminal_shows_two_panels_and_keeps_the_one_before():
    async with session(size=(200, 60)) as ui:
        text = await ui.press("down")
        assert "formula" in text
        assert "conv1.weight" in text
        text = await ui.press("4")
        assert "mean ± std" in text
        assert "formula" in text
        await ui.pilot.resize_terminal(120, 40)
        await ui.until(lambda: "formula" not in ui.text, "one panel is left")
        assert "mean ± std" in ui.text


@pytest.mark.slow
async def test_the_crumbs_lead_to_what_is_above_the_row():
    async with session(size=(120, 40)) as ui:
        text = await ui.press("down")
        assert "LeNet › conv1" in text
        await ui.pilot.click("#crumbs", offset=(2, 0))
        await ui.until(lambda: ui.app.row.path == "", "the root is under the cursor")


@pytest.mark.slow
async def test_in_ascii_keys_without_a_sign_there_are_named_by_words():
    async with dressed((160, 45), Appearance(ascii=True)) as ui:
        assert "ctrl+p Palette" in ui.text
        await ui.press("question_mark")
        await ui.write("sought", "look at the row")
        assert "enter           Look at the row in the panel beside the tree" in ui.text
        assert "\\u" not in ui.text


@pytest.mark.slow
async def test_without_colours_the_row_of_the_cursor_is_reversed(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    async with session() as ui:
        await ui.press("down")
        tree = ui.app.module_tree
        reversed_lines = [y for y in range(4) if any(part.style and part.style.reverse for part in tree.render_line(y))]
        assert reversed_lines == [tree.cursor + 1]


@pytest.mark.slow
async def test_where_tabs_do_not_fit_the_others_have_short_titles():
    async with session(size=(120, 40)) as ui:
        line = ui.app.side.query_one("#tabs").render().plain
        assert [part[1:4] for part in line.replace("1 Overview", "1Overview").split()] == [
            "Ove", "Prm", "Nam", "Val", "Run", "Src", "Fld", "Chk",
        ]  # fmt: skip
