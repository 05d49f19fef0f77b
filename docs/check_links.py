"""Follow every link within the built site: ``python docs/check_links.py docs/_build``.

Links of pages, pictures and anchors are followed; other sites are not asked. The exit status is 1
if any link leads nowhere.
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlparse


class _Page(HTMLParser):
    """Links of a page, and the places in it that links can lead to."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.places: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag links to, and what it is called."""
        for name, value in attrs:
            if value and name in {"href", "src"}:
                self.links.append(value)
            elif value and (name == "id" or (tag == "a" and name == "name")):
                self.places.add(value)


def find_broken_links(site: Path) -> tuple[int, list[str]]:
    """Give the number of links within a site, and those that lead nowhere, as "page: link"."""
    pages = {}
    for path in sorted(site.rglob("*.html")):
        # What the theme copies are templates, not pages.
        if "_static" not in path.parts:
            pages[path.resolve()] = page = _Page()
            page.feed(path.read_text(encoding="utf-8"))
    n_links, broken = 0, []
    for path, page in pages.items():
        for link in page.links:
            parts = urlparse(link)
            if parts.scheme or parts.netloc:
                continue
            n_links += 1
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            place = unquote(parts.fragment)
            lost = place and target in pages and place not in pages[target].places
            if lost or not target.exists():
                broken.append(f"{path.relative_to(site.resolve())}: {link}")
    return n_links, broken


if __name__ == "__main__":
    number, lost = find_broken_links(Path(sys.argv[1]))
    print("\n".join([*lost, f"{number} links within the site, {len(lost)} of them broken"]))
    # Of a site without links nothing would have been checked.
    sys.exit(bool(lost) or number == 0)
