"""`init --preview` as text."""

from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from inspector.core import wording
from inspector.core.results import InitPreview, InitTarget
from inspector.core.scale_wording import COLUMNS, scale_words
from inspector.report.console import standard_output


def print_previews(previews: list[InitPreview]) -> None:
    """One table a rule: values, formula and signal of every tensor, before | after; then what would be left alone."""
    console = standard_output(soft_wrap=True)
    for preview in previews:
        title = f"{wording.printable(preview.where)} = {preview.initialiser}, seed {preview.seed}"
        console.print(Text(f"{title}; before | after, {preview.measured}"))
        console.print(_table(preview.targets))
        for key, reason in preview.skipped:
            console.print(Text(f"left alone: {wording.printable(key)}: {reason}"))


def _table(targets: list[InitTarget]) -> Table:
    table = Table(box=SIMPLE, pad_edge=False)
    for column in ("tensor", "fans", "std", *COLUMNS, "follows", "formula"):
        table.add_column(column, no_wrap=True)
    for target in targets:
        words = scale_words(target)
        std = f"{wording.number(target.before.std)} | {wording.number(target.after.std)}"
        cells = [wording.printable(target.key), fans(target), std, *(words.get(column, "") for column in COLUMNS)]
        table.add_row(*(Text(cell) for cell in [*cells, target.follows or "", target.explanation]))
    return table


def fans(target: InitTarget) -> str:
    """What the layer sums in and out; torch's count where it is another."""
    if target.fan_in is None:
        return ""
    counted = f"{target.fan_in}, {target.fan_out}"
    effective = f"{wording.number(target.effective_fan_in)}, {wording.number(target.effective_fan_out)}"
    same = (target.fan_in, target.fan_out) == (target.effective_fan_in, target.effective_fan_out)
    return counted if same else f"{effective} (torch: {counted})"
