"""Taking up how a model was looked at last, and keeping that when one leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from inspector.core.errors import RequestError
from inspector.core.model_state import Habits, ModelState
from inspector.core.recipe import parse_each
from inspector.core.workspace import TreeState, place_of
from inspector.files import remembered
from inspector.tui.hints import Hints
from inspector.tui.keys_here import keyed
from inspector.tui.side import SOMETIMES, TITLES

if TYPE_CHECKING:
    from inspector.tui.app import NNInspectApp

MOST_FOLDS = 5000
"""Of a tree with more only the row is kept."""


class Remembering:
    """What is known from last time, as long as it is to be taken up."""

    def __init__(self, app: NNInspectApp) -> None:
        self._app = app
        self._state: ModelState | None = None
        self._problem = ""
        try:
            self._habits = remembered.recall_habits()
        except RequestError as problem:
            self._habits, self._problem = Habits(), str(problem)
        self.hints = Hints(app, self._habits.used)
        if app.settings.theme is None and self._habits.theme in app.available_themes:
            app.theme = self._habits.theme or app.theme
        self._theme = app.theme

    def begin(self) -> None:
        """Recall; the inputs are those of the first pass, unless others were typed or the file has changed."""
        app = self._app
        if self._problem:
            app.log_view.say(f"no habits are remembered: {self._problem}", "$text-warning")
        if app.settings.hints:
            self.hints.begin()
        try:
            self._state = remembered.recall(app.recipe)
            known = self._state
            if known is not None and not app.inputs and known.file == remembered.mark_of(app.recipe):
                app.inputs = parse_each(known.inputs)
        except RequestError as problem:
            app.log_view.say(f"nothing is remembered of this model: {problem}", "$text-warning")

    def take_up(self) -> None:
        """Show what was on show last, once the model is open; a cursor that was moved meanwhile stays."""
        app, state = self._app, self._state
        self._state = None
        if state is None or app.table is None:
            return
        tree, row = state.tree, app.row
        if row is not None and row.index:
            tree = replace(tree, cursor=place_of(row))
        app.module_tree.take_up(tree)
        app.spelling = state.spelling
        app.module_tree.rename_root(app.root_name)
        if state.panel in TITLES and state.panel != SOMETIMES and app.table.failure is None:
            app.side.open(state.panel)
        app.look()
        if app.inputs and not app.recipe.inputs and app.table.failure is None:
            told = ", ".join(map(str, app.inputs))
            app.say(f"as last time, with the input {told}; {keyed('{input}')} changes it, --forget begins anew")

    def keep(self) -> None:
        """Remember how the model is looked at now."""
        app = self._app
        theme = app.theme if app.theme != self._theme else self._habits.theme
        self._write(lambda: remembered.keep_habits(Habits(used=self.hints.used_ones, theme=theme)))
        if app.table is None or self._state is not None:
            return
        tree = app.module_tree.state
        if len(tree.folded) + len(tree.open_blocks) > MOST_FOLDS:
            tree = TreeState(cursor=tree.cursor)
        state = ModelState(
            tree=tree,
            panel=app.side.current,
            spelling=app.spelling,
            inputs=[str(one) for one in app.inputs if not app.recipe.inputs],
            file=remembered.mark_of(app.recipe),
        )
        self._write(lambda: remembered.keep(app.recipe, state))

    def _write(self, write: Callable[[], None]) -> None:
        try:
            write()
        except RequestError as problem:
            self._app.log_view.say(f"this is not remembered: {problem}", "$text-warning")
