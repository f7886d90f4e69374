"""Asks which tensors to fill and how, and shows what that would do before it is done."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Checkbox, Input, Select, Static

from inspector.core import wording
from inspector.core.edits import Edit
from inspector.core.errors import RequestError
from inspector.core.initialisers import INITIALISERS, InitialiserParameter, parse_initialiser
from inspector.core.recipe import LARGEST_SEED
from inspector.core.results import InitPreview, InitTarget
from inspector.core.scale_wording import scale_words
from inspector.core.wording import printable
from inspector.tui import plots
from inspector.tui.conversation import Conversation
from inspector.tui.dialog import Dialog, Entry, Tick, entry, labelled
from inspector.tui.following import Following
from inspector.tui.hint_line import HintLine
from inspector.tui.page import CODE, MUTED, WARNING, Page, TextPanel
from inspector.tui.view import View
from inspector.worker.protocol import Preview

PATTERN = "pattern"
LISTED = 20


class InitialiseDialog(Dialog[Edit]):
    """An initialiser for some tensors, with a preview that follows every change."""

    title_text = "Initialise"
    button = "Apply"

    def __init__(self, conversation: Conversation, view: View, prefer_tensor: bool) -> None:
        super().__init__()
        self._targets = targets(view)
        self._first = next(
            (where for where, _ in self._targets if prefer_tensor and ":" not in where), self._targets[0][0]
        )
        self._shown: str | None = None
        self._following = Following(conversation, self, preview_page)

    def compose(self) -> ComposeResult:
        """Fields on the left, preview on the right."""
        with Vertical(id="dialog", classes="large"):
            yield Static(self.title_text, id="title")
            with Horizontal(id="columns"):
                with VerticalScroll(id="fields", can_focus=False):
                    yield from self.fields()
                yield TextPanel(id="preview")
            yield Static("", id="wrong", markup=False)
            with Horizontal(id="buttons"):
                yield Button(self.button, id="accept", variant="primary", compact=True)
                yield Button("Cancel", id="leave", compact=True)
                yield HintLine("enter in a line applies · esc goes back · u undoes", classes="hint", wraps=False)

    def fields(self) -> Iterable[Widget]:
        """What, how, with which parameters, from which seed."""
        choices = [(Content(printable(label)), where) for where, label in self._targets]
        yield labelled("what", Select(choices, value=self._first, allow_blank=False, id="where", compact=True))
        yield Entry(value="*.weight", placeholder="conv*.weight", id="pattern", compact=True)
        rules = [(Content(one.name), one.name) for one in INITIALISERS.values()]
        yield labelled("how", Select(rules, value="kaiming_uniform_", allow_blank=False, id="rule", compact=True))
        yield Static("", id="meaning", classes="hint", markup=False)
        yield Vertical(id="parameters-of-rule")
        yield entry("seed", "0", "seed")
        yield Tick("frozen parameters too", False, id="frozen")
        yield Tick("measure, before | after", False, id="measured")

    async def on_mount(self) -> None:
        """Show the first initialiser's parameters and its preview."""
        await self._show_rule("kaiming_uniform_")
        self._refresh()

    async def on_select_changed(self, event: Select.Changed) -> None:
        """Another target or initialiser."""
        event.stop()
        if event.select.id == "rule":
            await self._show_rule(str(event.value))
        self._refresh()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Another number."""
        event.stop()
        self._refresh()

    def on_checkbox_changed(self, event: Checkbox.Changed) -> None:
        """Frozen parameters or not, measured or not."""
        event.stop()
        self._refresh()

    async def _show_rule(self, name: str) -> None:
        if name == self._shown:
            return
        self._shown = name
        rule = INITIALISERS[name]
        self.query_one("#meaning", Static).update(Content(f"{rule.meaning}\n{rule.formula}"))
        place = self.query_one("#parameters-of-rule", Vertical)
        await place.remove_children()
        await place.mount_all([_field(one) for one in rule.parameters])

    def _refresh(self) -> None:
        self.query_one("#pattern").display = self.query_one("#where", Select).value == PATTERN
        self._following.want(lambda: Preview(edit=self.result(), measured=self._ticked("measured")))

    def result(self) -> Edit:
        """The edit as filled in."""
        where = str(self.query_one("#where", Select).value)
        if where == PATTERN:
            where = self.text("pattern").strip()
            if not where:
                raise RequestError("the pattern is empty; write for example conv*.weight")
        rule = INITIALISERS[str(self.query_one("#rule", Select).value)]
        arguments = ", ".join(f"{one.name}={self._argument(one)}" for one in rule.parameters)
        call = parse_initialiser(f"{rule.name}({arguments})")
        seed = self.whole_number("seed", "the seed", least=0, most=LARGEST_SEED)
        return Edit(action="initialise", where=where, argument=str(call), seed=seed, frozen=self._ticked("frozen"))

    def _ticked(self, field: str) -> bool:
        return self.query_one(f"#{field}", Tick).value

    def _argument(self, parameter: InitialiserParameter) -> str:
        found = self.query(f"#argument-{parameter.name}")
        if not found:
            return "" if parameter.default is None else str(parameter.default)
        widget = found.first()
        return str(widget.value) if isinstance(widget, Input | Select) else ""


def targets(view: View) -> list[tuple[str, str]]:
    """What can be filled from where one looks: selectors, each with its description."""
    row, tensor = view.row, view.tensor
    found = [(f"module:{row.path}", f"all of {row.path}" if row.path else "the whole model")]
    if tensor is not None:
        found.append((tensor.key, f"tensor {view.spell(tensor.key)}"))
    if row.kind != "function" and row.path:
        found.append((f"type:{row.type}", f"every {row.type}"))
    if row.path:
        found.append(("module:", "the whole model"))
    found.append((PATTERN, "keys by pattern…"))
    return found


def preview_page(preview: InitPreview) -> Page:
    """Every tensor that would change: fans, gain, formula, values before and after; and those left alone."""
    page = Page()
    page.line((wording.things(len(preview.targets), "tensor"), "bold"), " would change")
    if preview.measured:
        page.line((preview.measured, MUTED))
    for target in preview.targets[:LISTED]:
        _target(page, target)
    if len(preview.targets) > LISTED:
        page.line((f"… and {len(preview.targets) - LISTED} more", MUTED))
    if preview.skipped:
        page.heading("Left alone")
        for key, reason in preview.skipped[:LISTED]:
            page.line((key, WARNING), f"  {reason}")
        if len(preview.skipped) > LISTED:
            page.line((f"… and {len(preview.skipped) - LISTED} more", MUTED))
    return page


def _target(page: Page, target: InitTarget) -> None:
    page.heading(target.key, f"{wording.shape(target.shape)} {target.dtype}")
    if target.fan_in is not None:
        page.fact("fans", f"in {target.fan_in}, out {target.fan_out}")
        if (target.effective_fan_in, target.effective_fan_out) != (target.fan_in, target.fan_out):
            effective = f"in {wording.number(target.effective_fan_in)}, out {wording.number(target.effective_fan_out)}"
            page.fact("effective", f"{effective}: what the layer really sums", WARNING)
    if target.gain is not None:
        page.fact("gain", wording.number(target.gain))
    if target.follows is not None:
        page.fact("follows", target.follows)
    if target.explanation:
        page.fact("formula", target.explanation, CODE)
    if target.tied_to:
        page.fact("tied to", ", ".join(target.tied_to))
    page.fact("before", f"{wording.number(target.before.mean)} ± {wording.number(target.before.std)}")
    page.fact("after", f"{wording.number(target.after.mean)} ± {wording.number(target.after.std)}", "bold")
    for column, text in scale_words(target).items():
        page.fact(column, text)
    if target.after.histogram is not None:
        plots.histogram(page, target.after.histogram, height=2)


def _field(parameter: InitialiserParameter) -> Widget:
    name = f"argument-{parameter.name}"
    value = "0" if parameter.default is None else f"{parameter.default}"
    if parameter.choices:
        choices = [(Content(choice), choice) for choice in parameter.choices]
        return labelled(parameter.name, Select(choices, value=value, allow_blank=False, id=name, compact=True))
    return labelled(parameter.name, Entry(value=value, id=name, compact=True, tooltip=parameter.meaning))
