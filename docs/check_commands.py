"""Run the commands of some pages and print what came of them: ``python docs/check_commands.py docs/tasks/step.md``."""

import sys
from pathlib import Path

from making.record_tables import with_tables
from making.running import run_pages
from making.scratch import ROOT


def main(paths: list[str]) -> int:
    """Print the pages as they will be shown, and last what is wrong; the exit status is 1 where anything is."""
    outcomes = run_pages(dict(map(_page, paths)))
    for outcome in outcomes.values():
        print(outcome.text)
    problems = [f"{name}: {problem}" for name, outcome in outcomes.items() for problem in outcome.problems]
    print("\n".join(problems), file=sys.stderr)
    return 1 if problems else 0


def _page(path: str) -> tuple[str, str]:
    """Its name and text, as the site has them."""
    place, text = Path(path).resolve(), Path(path).read_text(encoding="utf-8")
    if place == ROOT / "README.md":
        return "README.md", text
    return place.relative_to(ROOT / "docs").as_posix(), with_tables(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
