"""Extension of Sphinx that writes formulas as MathML, which browsers show without a script."""

from docutils import nodes
from latex2mathml import converter


def _visit_math(self, node):
    self.body.append(converter.convert(node.astext()))
    raise nodes.SkipNode


def _visit_block(self, node):
    self.body.append(self.starttag(node, "div", CLASS="math"))
    self.body.append(converter.convert(node.astext(), display="block"))
    self.body.append("</div>")
    raise nodes.SkipNode


def setup(app):
    """Register both kinds of formulas.

    Args:
        app: the application of Sphinx.

    Returns:
        What Sphinx wants to know of an extension, a dict.
    """
    app.add_node(nodes.math, override=True, html=(_visit_math, None))
    app.add_node(nodes.math_block, override=True, html=(_visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
