"""Tables of published numbers as text, one line a row, as they stand in a paper."""


def parse(text, columns=None):
    """Return the numbers of a table.

    Args:
        text: a line a row: its name, and a cell "MEAN" or "MEAN±DEVIATION" for each column; "-" is a cell without a
            number. Without `columns` a first line names them, after one word for the names of the rows.
        columns: names of the columns.

    Returns:
        A dict `{column: {row: (mean, standard deviation or None), or None for "-"}}`.

    Raises:
        ValueError: if a row has more or fewer cells than there are columns, or a cell is no number.

    Example:
        >>> parse("CE 99.27±0.07 -", ["none", "symmetric20"])
        {'none': {'CE': (99.27, 0.07)}, 'symmetric20': {'CE': None}}
    """
    rows = [line.split() for line in text.strip().splitlines()]
    if columns is None:
        (_, *columns), *rows = rows
    table = {column: {} for column in columns}
    for row, *cells in rows:
        if len(cells) != len(table):
            raise ValueError(f"Row {row!r} must have a cell for each of {len(table)} columns. Received: {len(cells)}.")
        for column, cell in zip(table, cells, strict=True):
            table[column][row] = _number(cell)
    return table


def _number(cell):
    if cell == "-":
        return None
    mean, _, deviation = cell.partition("±")
    return float(mean), float(deviation) if deviation else None
