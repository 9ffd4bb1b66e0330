"""The command that builds the site into `build/site/html`: `python -m docs.site`."""

import pathlib
import sys

from sphinx.application import Sphinx

from docs.site import api, assemble, links, sources

_BUILD = sources.ROOT / "build" / "site"


def main():
    """Build, check, and print the counts; the exit status is 1 if anything is wrong."""
    assemble.write(_BUILD / "source")
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
    print(f"pages: {num_pages}, of which {len(site.env.found_docs)} are no source code, search or index")
    print(f"public names reached: {len(api.public()) - len(missing)} of {len(api.public())}")
    print(f"links within the site: {num_links}, dead: {len(faults)}")
    for fault in [*(f"not documented: {name}" for name in missing), *faults]:
        print(fault)
    return bool(site.statuscode or missing or faults)


if __name__ == "__main__":
    sys.exit(main())
