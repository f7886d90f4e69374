"""What is known about a file of tensors as a whole, and what takes its bytes."""

from inspector.core import wording
from inspector.core.file_info import FileInfo
from inspector.core.named_globals import NamedGlobal, refused_first, sentence
from inspector.tui.bars import bars
from inspector.tui.page import ERROR, MUTED, WARNING, Page

BARS = 8
"""Parts drawn before the rest is one."""
NAMED = 12
"""Names of a pickle told before the rest is counted."""


def file_facts(page: Page, info: FileInfo) -> None:
    """Format, size, parts by bytes, and what a safe reader refuses."""
    page.heading("File", info.format)
    page.fact("size", wording.size_in_bytes(info.bytes))
    page.fact("tensors", wording.exact(info.tensors))
    if info.container:
        page.fact("found in", info.container)
    shares = wording.part_shares(info)
    if shares:
        page.fact("parts", shares[0], "bold")
        _bars(page, [(f"{one.name}{f', in {one.path}' if one.path else ''}", one.bytes) for one in info.parts])
    for label, sizes in (("dtypes", info.dtypes), ("saved from", info.devices)):
        if len(sizes) > 1:
            page.fact(label, ", ".join(sizes))
            _bars(page, [*sizes.items()])
    _refused(page, refused_first(info.global_details))


def _refused(page: Page, refused: list[NamedGlobal]) -> None:
    """What the file's pickle names and a safe reader refuses, what could do most first; none of it was run."""
    if refused:
        page.heading("Refused by weights_only", "only listed, nothing of it was run")
    for found in refused[:NAMED]:
        style = {"dangerous": ERROR, "unknown": WARNING, "harmless": ""}[found.severity]
        page.line((found.name, style))
        page.line(("  ", ""), (sentence(found), MUTED), hang=2)
    if len(refused) > NAMED:
        page.line((f"… and {len(refused) - NAMED:,} more", MUTED))


def _bars(page: Page, sizes: list[tuple[str, int]]) -> None:
    sizes.sort(key=lambda one: -one[1])
    rest = sizes[BARS:]
    if rest:
        sizes[BARS:] = [(f"{len(rest)} more", sum(size for _, size in rest))]
    most = max(size for _, size in sizes)
    if most:
        page.fitted(bars(sizes, most))
