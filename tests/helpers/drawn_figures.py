"""Checks of figures: texts of legends, and texts that neither overlap nor leave the page."""


def legend_texts(figure):
    return [[text.get_text() for text in legend.get_texts()] for legend in figure.legends]


def assert_tidy(figure, tmp_path):
    """Saves a figure, and checks that no titles, labels or tick labels overlap or leave the page."""
    figure.savefig(tmp_path / "figure.png")
    texts = [text for axes in figure.axes for text in (axes.title, axes.xaxis.label, axes.yaxis.label)]
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        low, high = sorted(axis.get_view_interval())  # matplotlib keeps labels of ticks beyond it, and draws none
        texts += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    texts += [text for legend in figure.legends for text in legend.get_texts()]
    texts = [text for text in texts if text.get_visible() and text.get_text() and text.get_rotation() in {0, 90}]
    boxes = [text.get_window_extent() for text in texts]
    for i, box in enumerate(boxes):
        page = figure.bbox
        assert box.x0 >= page.x0 - 1 and box.x1 <= page.x1 + 1, texts[i]  # noqa: PT018
        assert box.y0 >= page.y0 - 1 and box.y1 <= page.y1 + 1, texts[i]  # noqa: PT018
        for j in range(i):
            assert not box.overlaps(boxes[j]), (texts[i], texts[j])
