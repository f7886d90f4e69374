"""What the built pages load, and where they lead: nothing is loaded from another host."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

_LOADING = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src",
            "embed": "src", "object": "data", "link": "href", "image": "href", "use": "href"}  # fmt: skip
_IN_STYLE = re.compile(r"@import\s+[\"']?(https?:)?//|url\(\s*[\"']?(https?:)?//")
_README_LINK = re.compile(r"\]\((?!https?://)([^)#\s]+)(#[^)]*)?\)")


def elsewhere(site: Path) -> list[str]:
    """What the pages and styles of a built site load from another host, and links that cannot be right."""
    problems = []
    for page in sorted(site.rglob("*.html")):
        reader = _Reader()
        reader.feed(page.read_text(encoding="utf-8"))
        problems += [f"{page.relative_to(site)} {problem}" for problem in reader.problems]
    for file in sorted([*site.rglob("*.css"), *site.rglob("*.svg")]):
        if _IN_STYLE.search(file.read_text(encoding="utf-8")):
            problems.append(f"{file.relative_to(site)} loads something from another host")
    return problems


def wrong_links(page: Path) -> list[str]:
    """Relative links of a page of Markdown that lead to no file."""
    links = _README_LINK.findall(page.read_text(encoding="utf-8"))
    return [f"{link} is no file" for link, _ in links if not (page.parent / link).exists()]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.problems: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at what the tag loads or links to."""
        given = dict(attrs)
        loaded = given.get(_LOADING.get(tag, "")) or ""
        if urlsplit(loaded).netloc and given.get("rel") != "canonical":
            self.problems.append(f"loads {loaded}")
        if _IN_STYLE.search(given.get("style") or ""):
            self.problems.append(f"loads something by the style of {tag}")
        link = urlsplit(given.get("href") or "" if tag == "a" else "")
        if link.scheme in ("http", "https") and not re.fullmatch(r"[\w.-]+\.[a-z]+", link.hostname or ""):
            self.problems.append(f"links to {link.geturl()}, which is no address")
