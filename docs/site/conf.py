"""Configuration of Sphinx."""

project = "tfp_noise"
author = "The tfp_noise maintainers"
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "docs.site.docstrings",
    "docs.site.mathml",
]
root_doc = "index"
source_suffix = {".md": "markdown"}
html_theme = "furo"
html_title = "tfp_noise"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False

myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 4  # GitHub's anchors, which the pages' links use

autodoc_inherit_docstrings = False  # Keras's own docstrings are not reStructuredText
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
maximum_signature_line_length = 88
napoleon_use_rtype = False
napoleon_use_ivar = True
pygments_style = "friendly"
