"""Check of the built site: links within it lead somewhere, and nothing is loaded from another server."""

import html.parser
import urllib.parse

_LOADED = {("img", "src"), ("script", "src"), ("link", "href"), ("source", "src"), ("iframe", "src")}


class _Page(html.parser.HTMLParser):
    """The links and anchors of one page."""

    def __init__(self):
        super().__init__()
        self.links, self.anchors = set(), set()

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name == "id" or (name == "name" and tag == "a"):
                self.anchors.add(value)
            elif (tag, name) == ("a", "href") or (tag, name) in _LOADED:
                self.links.add((tag, value or ""))


def check(folder):
    """Return the numbers of pages and of links within the site, and a list of the faults as text.

    A fault is a link to a file or an anchor that is not there, and a picture, script or style of another server. Links
    to other sites are left alone.

    Args:
        folder: `pathlib.Path` of the HTML.
    """
    found = {}
    for path in sorted(folder.rglob("*.html")):
        page = _Page()
        page.feed(path.read_text(encoding="utf-8"))
        found[path.resolve()] = page
    inside, faults = 0, []
    for path, page in found.items():
        for tag, link in sorted(page.links):
            parts = urllib.parse.urlsplit(link)
            if parts.scheme == "data":
                continue
            if parts.scheme or parts.netloc:
                faults += [f"{path}: loads {link}"] if tag != "a" else []
                continue
            inside += 1
            target = (path.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            anchor = urllib.parse.unquote(parts.fragment)
            missing = not target.exists() or (anchor and target in found and anchor not in found[target].anchors)
            faults += [f"{path}: {link}"] if missing else []
    return len(found), inside, faults
