"""MkDocs hooks: pages made from the code, commands run, and nothing loaded from elsewhere."""

import time
from pathlib import Path
from typing import Any

from making.command_pages import command_pages
from making.consoles import Outcome
from making.key_page import initialiser_page, key_page
from making.loaded import elsewhere, wrong_links
from making.record_tables import with_tables
from making.rule_pages import rule_pages
from making.running import run_pages
from making.scratch import ROOT
from mkdocs.exceptions import PluginError
from mkdocs.plugins import get_plugin_logger
from mkdocs.structure.files import File

log = get_plugin_logger("generated")
_OUTCOMES: dict[str, Outcome] = {}
"""By the page's path in docs."""


def on_config(config: Any) -> Any:
    """Put what is generated into the navigation, below the page of its heading."""
    generated = {"rules/index.md": list(rule_pages()), "commands/index.md": list(command_pages())}
    for entry in config.nav:
        for pages in entry.values():
            if isinstance(pages, list) and pages and pages[0] in generated:
                pages += generated[pages[0]]
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that are made from the code, and run the commands of all pages and of the README."""
    made = {**rule_pages(), **command_pages(), "keys.md": key_page(), "reference/initialisers.md": initialiser_page()}
    for path, text in made.items():
        files.append(File.generated(config, path, content=text))
    pages = {file.src_uri: with_tables(file.content_string) for file in files.documentation_pages()}
    pages["README.md"] = (ROOT / "README.md").read_text(encoding="utf-8")
    started = time.monotonic()
    _OUTCOMES.update(run_pages(pages))
    commands = sum(outcome.commands for outcome in _OUTCOMES.values())
    log.info("%d commands of %d pages run in %.0f s", commands, len(pages), time.monotonic() - started)
    problems = [f"{name}: {problem}" for name in sorted(_OUTCOMES) for problem in _OUTCOMES[name].problems]
    problems += [f"README.md: {problem}" for problem in wrong_links(ROOT / "README.md")]
    if problems:
        raise PluginError("\n".join(problems))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Show what the commands printed."""
    return _OUTCOMES[page.file.src_uri].text


def on_post_build(config: Any) -> None:
    """Refuse a site that loads anything from another host, and links that are none."""
    problems = elsewhere(Path(config.site_dir))
    if problems:
        raise PluginError("\n".join(problems))
