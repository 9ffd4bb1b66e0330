"""Grid of pictures with captions."""

import numpy as np

from tfp_noise import _validation

_MAX_COLUMNS = 8
_SIZE = 1.4  # inches of one picture
_SPACE_OF_CAPTION = 0.3


def check_images(name, images, num_examples):
    """`images` as an array `[num_examples, height, width]`, with 3 channels behind for colours."""
    images = _validation.as_numbers(name, images)
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    colours = images.ndim == 4 and images.shape[-1] == 3
    if not (images.ndim == 3 or colours) or len(images) != num_examples or not images.size:
        raise ValueError(
            f"`{name}` must have shape [{num_examples}, height, width] or, with 1 or 3 channels, [{num_examples}, "
            f"height, width, channels]: the pictures of all examples. Received shape {images.shape}."
        )
    return images


def grid(images, captions, title=None):
    """A figure of pictures, a caption above each."""
    from matplotlib.figure import Figure

    columns = min(len(images), max(_MAX_COLUMNS // 2, int(np.ceil(np.sqrt(len(images))))), _MAX_COLUMNS)
    rows = -(-len(images) // columns)
    size = (_SIZE * columns, (_SIZE + _SPACE_OF_CAPTION) * rows + (0.4 if title else 0))
    figure = Figure(figsize=size, layout="constrained")
    for position, (image, caption) in enumerate(zip(images, captions, strict=True), 1):
        axes = figure.add_subplot(rows, columns, position)
        axes.imshow(image, cmap="gray", vmin=0, vmax=255 if image.dtype.kind in "iu" else 1, interpolation="nearest")
        axes.set_axis_off()
        axes.set_title(caption, fontsize=8)
    figure.suptitle(title)
    return figure
