"""The command that builds the site into `build/site/html`: `python -m docs.site`."""

import inspect
import pathlib
import shutil
import sys

from sphinx.application import Sphinx

from docs.site import api, assemble, links, sources

_BUILD = sources.ROOT / "build" / "site"


def main():
    """Build, check, and print the counts; the exit status is 1 if anything is wrong."""
    shutil.rmtree(_BUILD, ignore_errors=True)  # what an earlier build left would be linked and counted
    found = assemble.write(_BUILD / "source")
    site = Sphinx(
        srcdir=_BUILD / "source",
        confdir=pathlib.Path(__file__).parent,
        outdir=_BUILD / "html",
        doctreedir=_BUILD / "doctrees",
        buildername="html",
        status=None,
        warningiserror=True,
    )
    site.build()
    documented = set(site.env.domaindata["py"]["objects"])
    missing = sorted(set(api.public()) - documented)
    num_pages, num_links, faults = links.check(_BUILD / "html")
    print(f"{_BUILD / 'html' / 'index.html'}")
    blocks = sum(text.count("```python\n") for text in found.values())
    examples = sum(">>>" in (inspect.getdoc(value) or "") for value in api.public().values())
    print(f"pages: {num_pages}, without source code, search and index {len(site.env.found_docs)}")
    print(f"code that tests run: {blocks} programs on pages, {examples} examples of public names")
    print(f"public names reached: {len(api.public()) - len(missing)} of {len(api.public())}")
    print(f"links within the site: {num_links}, dead: {len(faults)}")
    for fault in [*(f"not documented: {name}" for name in missing), *faults]:
        print(fault)
    return bool(site.statuscode or missing or faults)


if __name__ == "__main__":
    sys.exit(main())
