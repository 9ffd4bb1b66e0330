"""Builder of the documentation site: `python -m docs.site`, or `make docs`.

The hand-written pages are copied as they are, with the same relative paths, so that their links work on the site and in
the repository alike. Pages that are made of docstrings and committed results stand beside them. Sphinx makes HTML of
both; no page loads anything from another server.
"""
