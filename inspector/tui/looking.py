"""The actions that change only what is on screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from inspector.core.repeated_blocks import LEAST
from inspector.tui.view import next_spelling

if TYPE_CHECKING:
    from inspector.tui.app import NNInspectApp


def leave(app: NNInspectApp) -> None:
    """End the program."""
    app.exit(return_code=0)


def suspend(app: NNInspectApp) -> None:
    """Stop the program until the shell continues it; the worker goes on."""
    app.action_suspend_process()


def show_help(app: NNInspectApp) -> None:
    """Show all keys and marks, those of where the keyboard is first."""
    from inspector.tui.help_screen import HelpScreen
    from inspector.tui.here import where_is

    app.push_screen(HelpScreen(where_is(app), list(app.actions.values())))


def menu(app: NNInspectApp) -> None:
    """Offer every action that can be done where the keyboard is."""
    from inspector.tui.here import actions_here, where_is
    from inspector.tui.menu_screen import MenuScreen

    row = app.row
    about = f" · {row.path or row.type}" if row is not None else ""
    title = f"{where_is(app).title}{about}"
    app.push_screen(MenuScreen(title, actions_here(app)), lambda id: app.action_do(id) if id else None)


def choose_theme(app: NNInspectApp) -> None:
    """Choose other colours, seen at once."""
    from inspector.tui.theme_dialog import ThemeDialog

    def wear(name: str | None) -> None:
        if name is not None:
            app.theme_name = name

    app.push_screen(ThemeDialog(app.available_themes, app.theme_name), wear)


def palette(app: NNInspectApp) -> None:
    """Open the palette."""
    app.action_command_palette()


def search(app: NNInspectApp) -> None:
    """Open the line to search in."""
    app.search_bar.open(app.module_tree)


def next_match(app: NNInspectApp) -> None:
    """To the next row found."""
    app.search_bar.step(1)


def previous_match(app: NNInspectApp) -> None:
    """To the row found before."""
    app.search_bar.step(-1)


def open_panel(panel: str) -> Callable[[NNInspectApp], object]:
    """An action that puts a panel on show."""

    def run(app: NNInspectApp) -> None:
        if app.zoomed == "tree":
            _zoom(app, "side")
        was_in_panel = app.side.has_focus_within
        again = app.side.current == panel
        app.side.open(panel)
        if again and panel == "values":
            app.side.query_one("#index").focus()
        elif was_in_panel:
            app.focus_panel()

    return run


def switch_field(app: NNInspectApp) -> None:
    """The receptive field's picture, or the chart; from another panel as it was left."""
    if app.side.current == "field":
        app.side.field.as_chart = not app.side.field.as_chart
    else:
        open_panel("field")(app)


def switch_values(app: NNInspectApp) -> None:
    """Numbers, heat map or kernels of the chosen tensor; from another panel as it was left."""
    tensor = app.looked_at
    if app.side.current != "values":
        open_panel("values")(app)
    elif tensor is not None:
        app.side.values.step(tensor)


def switch_output(app: NNInspectApp) -> None:
    """The values of the row's output, or of its tensor again."""
    row = app.row
    if row is None or not row.values:
        return
    on_show = app.side.current == "values"
    app.output_key = "" if on_show and app.output_key == row.values[0] else row.values[0]
    view = app.view()
    if view is not None:
        app.side.look_at(view)
    if not on_show:
        open_panel("values")(app)


def next_pane(app: NNInspectApp) -> None:
    """From the tree to the panel and back; a zoom goes with it."""
    if app.zoomed:
        _zoom(app, "side" if app.zoomed == "tree" else "tree")
    elif app.side.has_focus_within:
        app.module_tree.focus()
    else:
        app.focus_panel()


def zoom(app: NNInspectApp) -> None:
    """Give the screen to what has the keyboard, or give it back."""
    _zoom(app, None if app.zoomed else "side" if app.side.has_focus_within else "tree")


def _zoom(app: NNInspectApp, which: str | None) -> None:
    app.zoomed = which
    app.module_tree.screen.set_class(which == "tree", "-zoom-tree")
    app.module_tree.screen.set_class(which == "side", "-zoom-side")
    if which == "side":
        app.call_after_refresh(app.focus_panel)
    else:
        app.module_tree.focus()


def toggle_functions(app: NNInspectApp) -> None:
    """Show or hide the functions called between modules."""
    app.module_tree.toggle_functions()
    app.say(f"functions between modules are {'shown' if app.module_tree.show_functions else 'hidden'}")


def toggle_sparklines(app: NNInspectApp) -> None:
    """Draw what every row put out in the tree, or not."""
    drawn = app.module_tree.toggle_sparklines()
    app.say(f"the distributions of the outputs are {'drawn' if drawn else 'hidden'} in the tree")


def toggle_blocks(app: NNInspectApp) -> None:
    """Fold blocks that repeat, or show all of them."""
    app.conversation.spawn(_toggle_blocks(app))


async def _toggle_blocks(app: NNInspectApp) -> None:
    tree = app.module_tree
    if tree.table is not None:
        await tree.look_for_blocks(tree.table)
    found = tree.toggle_blocks()
    if not tree.fold_blocks:
        app.say("every block is shown")
    elif found:
        app.say("blocks that repeat have one line for all of them; right unfolds it")
    else:
        app.say(f"no {LEAST} blocks that are alike follow each other here", "$text-warning")
    app.look()


def change_spelling(app: NNInspectApp) -> None:
    """Write keys another way."""
    app.spelling = next_spelling(app.spelling, app.wrapped)
    app.module_tree.rename_root(app.root_name)
    app.look()
    how = {"here": "as in this model", "plain": "without wrappers", "saved": "as saved from DataParallel"}
    app.say(f"keys are written {how[app.spelling]}")


def toggle_log(app: NNInspectApp) -> None:
    """Show or hide what the model printed and what was said."""
    if app.log_view.display:
        app.log_view.display = False
        app.module_tree.focus()
    else:
        app.log_view.open()


def back(app: NNInspectApp) -> None:
    """Leave one thing: what is running, the search, the log, the zoom, the panel; never the program."""
    if app.conversation.can_cancel:
        app.conversation.cancel()
        app.say("cancelling…", "$text-warning")
    elif app.search_bar.display:
        app.search_bar.leave()
    elif app.filter_bar.has_focus_within:
        app.filter_bar.clear()
    elif app.log_view.display:
        toggle_log(app)
    elif app.zoomed:
        _zoom(app, None)
    elif app.filter_bar.display and app.focused is app.module_tree:
        app.filter_bar.clear()
    else:
        app.module_tree.focus()
