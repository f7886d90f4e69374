"""The screen with a finding's fix: the change of the open model and what it does, the patch of the code as a diff."""

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from inspector.core.edits import described
from inspector.core.errors import RequestError
from inspector.core.findings import Finding
from inspector.core.results import InitPreview
from inspector.core.wording import printable
from inspector.files.writing import refuse_place, resolved, write_whole
from inspector.tui.check_panel import LABEL
from inspector.tui.hint_line import HintLine
from inspector.tui.initialise_dialog import preview_page
from inspector.tui.keys_here import keyed
from inspector.tui.page import CODE, ERROR, GOOD, HEADING, LABELLED, MUTED, Page

STYLES = {"+": GOOD, "-": ERROR, "@": CODE}

TAKEN_BACK = "the code and its files stay as they are; {undo} takes the change back, and it is checked again"


class FixScreen(ModalScreen[bool | None]):
    """A fix in full; its result is whether the change is to be made. A patch is copied or saved, never applied."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Back"),
        Binding("enter", "apply", "Apply"),
        Binding("y", "copy", "Copy"),
        Binding("s", "save", "Save"),
    ]

    def __init__(self, finding: Finding, preview: InitPreview | None) -> None:
        """`preview` is what a change that initialises would do."""
        super().__init__()
        self._finding = finding
        self._preview = preview
        self._may_replace = False
        """The file exists, and that was said."""

    def compose(self) -> ComposeResult:
        """The finding, the change, the patch, keys."""
        with Vertical(id="dialog", classes="large"):
            yield Static(Content(printable(f"{self._finding.rule}  {self._finding.message}")), id="title")
            with VerticalScroll(id="fields"):
                for page in self._pages():
                    yield Static(page.content(), markup=False)
            yield HintLine(self._hint(), id="hint")

    def on_mount(self) -> None:
        """The arrows scroll."""
        self.query_one("#fields").focus()

    def _pages(self) -> Iterable[Page]:
        page, finding = Page(), self._finding
        for label, text in finding.facts:
            page.line((f"{label:<{LABEL}}", LABELLED), (text, ""), hang=LABEL)
        yield page
        if finding.edit is not None:
            yield change_page(finding)
        if self._preview is not None:
            yield preview_page(self._preview)
        if finding.patch:
            yield patch_page(finding.patch)

    def _hint(self) -> str:
        change = ["enter makes the change"] if self._finding.edit is not None else []
        patch = ["y copies the patch", "s saves it"] if self._finding.patch else []
        return " · ".join([*change, *patch, "esc goes back"])

    def action_apply(self) -> None:
        """Make the change."""
        if self._finding.edit is not None:
            self.dismiss(True)

    def action_copy(self) -> None:
        """Copy the patch."""
        if self._finding.patch:
            self.app.copy_to_clipboard(self._finding.patch)

    def action_save(self) -> None:
        """Write the patch to a file; one that exists is replaced at the second press."""
        patch = self._finding.patch
        if not patch:
            return
        name = patch_name(self._finding)
        target = resolved(Path(name))
        if target.exists() and not self._may_replace:
            self._may_replace = True
            self._say(f"{name} exists; s again replaces it")
            return
        try:
            refuse_place(target, name, overwrite=True)
            write_whole(target, name, lambda place: place.write_text(patch, encoding="utf-8"))
        except RequestError as problem:
            self._say(str(problem))
        else:
            self._say(f"wrote {name}; `patch -p0 < {name}` changes the code")

    def _say(self, text: str) -> None:
        self.query_one(HintLine).say(f"{text} · esc goes back")


def change_page(finding: Finding) -> Page:
    """What would be done to the open model."""
    page = Page()
    assert finding.edit is not None
    page.line()
    page.line(("The change of the open model", HEADING))
    page.line((described(finding.edit), "bold"))
    page.line((keyed(TAKEN_BACK), MUTED))
    return page


def patch_page(patch: str) -> Page:
    """A unified diff with colours."""
    page = Page()
    page.line()
    page.line(("The patch of the code, which is not applied here", HEADING))
    for line in patch.splitlines():
        page.line((line, STYLES.get(line[:1], "")))
    return page


def patch_name(finding: Finding) -> str:
    """A file in the current folder that names the rule and what is patched."""
    patched = finding.patch.partition("\n")[0].removeprefix("--- ")
    return f"{finding.rule}-{Path(patched).stem}.patch"
