"""Hand-written pages (Markdown), and `docs.site`, which builds a site of them, of the docstrings and of the results."""
