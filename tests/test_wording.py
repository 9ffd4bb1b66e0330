"""Articles in messages: "an OnlineLabelSmoothing", whatever name stands in it."""

import ast
import itertools
import pathlib
import re

import pytest

from tfp_noise import _validation

ROOT = pathlib.Path(__file__).parents[1]
FILES = sorted(path for top in ("tfp_noise", "models", "experiments") for path in (ROOT / top).rglob("*.py"))


@pytest.mark.parametrize("phrase", ["an OnlineLabelSmoothing", "an int", "an AUC", "a MultiLabel", "a list", "a dict"])
def test_article_fits_the_noun(phrase):
    assert _validation.with_article(phrase.split()[1]) == phrase


def articles_before_values(source):
    """The first lines of formatted text in which a literal "a" or "an" stands before a value."""
    found = []
    for node in ast.walk(ast.parse(source)):
        parts = node.values if isinstance(node, ast.JoinedStr) else []
        for text, value in itertools.pairwise(parts):
            literal = isinstance(text, ast.Constant) and re.search(r"\b[Aa]n? ['\"`]?$", text.value)
            if literal and isinstance(value, ast.FormattedValue):
                found.append(node.lineno)
    return found


def test_articles_are_found_across_lines():
    assert articles_before_values('x = (\n    "Received: a "\n    f"{kind} of {size}"\n)') == [2]
    assert not articles_before_values('x = f"a loss of {size}"')


def test_no_message_has_an_article_before_a_name_that_it_does_not_know():
    found = {str(path.relative_to(ROOT)): articles_before_values(path.read_text()) for path in FILES}
    assert not {path: lines for path, lines in found.items() if lines}
