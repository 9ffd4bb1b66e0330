"""The README's table of losses, made of `losses.available()`: `python -m tests.helpers.readme_table` writes it."""

import pathlib

from tfp_noise import losses

README = pathlib.Path(__file__).parents[2] / "README.md"
COMMAND = "python -m tests.helpers.readme_table"
START, END = f"<!-- losses, written by {COMMAND} -->\n", "<!-- end of losses -->"


def table():
    """The block of lines between the two comments."""
    rows = ["| `losses.` | | paper | needs |", "|---|---|---|---|"]
    cells = ([f"`{one.name}`", one.summary.replace("|", "\\|"), one.paper, one.needs] for one in losses.available())
    return "\n".join([*rows, *(f"| {' | '.join(row)} |" for row in cells)]) + "\n"


def regenerated(text):
    """The README's text with a new table in it."""
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise ValueError(f"README.md must hold {START.strip()!r} and after it {END!r}, where the table goes.")
    return before + start + table() + end + after


if __name__ == "__main__":
    README.write_text(regenerated(README.read_text()))
