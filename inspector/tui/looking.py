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
    """Show all keys and marks."""
    from inspector.tui.help_screen import HelpScreen

    app.push_screen(HelpScreen())


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


def toggle_blocks(app: NNInspectApp) -> None:
    """Fold blocks that repeat, or show all of them."""
    tree = app.module_tree
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


def copy(app: NNInspectApp) -> None:
    """Copy the expression of the chosen tensor, else the row's path."""
    view = app.view()
    if view is None:
        return
    in_tree = app.focused is app.module_tree
    text = view.row.path if in_tree or view.tensor is None else view.tensor.expression
    if app.side.current == "names" and view.tensor is not None and not in_tree:
        text = view.spell(view.tensor.key)
    # A terminal takes text, and a name may hold half a surrogate pair, which is none.
    app.copy_to_clipboard(text.encode(errors="replace").decode())
    app.say(f"copied {text}" if text else "the root has no path to copy")


def toggle_log(app: NNInspectApp) -> None:
    """Show or hide what the model printed and what was said."""
    if app.log_view.display:
        app.log_view.display = False
        app.module_tree.focus()
    else:
        show_log(app)


def show_log(app: NNInspectApp) -> None:
    """Show the end of what the model printed and what was said."""
    app.log_view.display = True
    app.log_view.draw()
    app.log_view.go_to_end()
    app.log_view.focus()


def back(app: NNInspectApp) -> None:
    """Leave one thing: what is running, the search, the log, the zoom, the panel; never the program."""
    if app.conversation.can_cancel:
        app.conversation.cancel()
        app.say("cancelling…", "$text-warning")
    elif app.search_bar.display:
        app.search_bar.leave()
    elif app.log_view.display:
        toggle_log(app)
    elif app.zoomed:
        _zoom(app, None)
    else:
        app.module_tree.focus()
