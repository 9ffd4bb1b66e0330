"""Audit of labels: finds those that look wrong, and trains a model that is robust to them.

    python -m tfp_noise.audit --csv=pets.csv --label=species --out=pets_audit
    python -m tfp_noise.audit --images=photos --image_size=64 --out=photos_audit
    python -m tfp_noise.audit

PHOTOS is a folder with a folder of images for each class. Without data of your own, the last line audits small pictures
of digits, of which 30 % were given a wrong label on purpose, and says how many of these it found.

It writes report.html (open it in a browser), suspects.csv, summary.json and model.keras (plain Keras). Ctrl-C loses the
training under way only: the same command goes on.
"""

import pathlib
import re
import sys

import tensorflow as tf
from absl import app, flags, logging

from tfp_noise.audit import command
from tfp_noise.audit.progress import Progress
from tfp_noise.audit.settings import Settings

# Flags by the argument of the function that refuses their value.
_FLAGS = {name: name for name in Settings.__dataclass_fields__} | {
    "path": "images",
    "name": "dataset",
    "network": "model",
}


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of the command."""
    flags.DEFINE_string("csv", None, "A table in CSV, with a header line.", flag_values=values)
    flags.DEFINE_string("label", None, "With --csv: the column of the labels.", flag_values=values)
    flags.DEFINE_list(
        "features",
        None,
        "With --csv: the columns to learn from, as in age,colour; all others by default.",
        flag_values=values,
    )
    flags.DEFINE_bool(
        "impute", False, "With --csv: fill missing cells, by the median or the most frequent value.", flag_values=values
    )
    flags.DEFINE_string(
        "images", None, "A folder with a folder of images (.jpg, .png) for each class.", flag_values=values
    )
    flags.DEFINE_integer(
        "image_size", None, "With --images: resize all to this height and width, in pixels.", flag_values=values
    )
    flags.DEFINE_string(
        "dataset",
        None,
        "A data set by name, such as cifar10n:worst; a wrong one lists the near ones.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "out", "audit", "Folder for the report; it must be new, or that of the same audit.", flag_values=values
    )
    flags.DEFINE_string(
        "model",
        None,
        "A network of your own, path/to/build.py:function, with a function (input_shape, num_outputs) -> "
        "keras.Model that ends without a softmax; a small network by default.",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "folds", 5, "Parts, each of which is predicted by a network trained on the others.", flag_values=values
    )
    flags.DEFINE_integer(
        "epochs", None, "Epochs of each training; 10 to 60 by the size of the data by default.", flag_values=values
    )
    flags.DEFINE_integer("seed", 0, "Seed of folds, weights and order.", flag_values=values)


def audit(values: flags.FlagValues, words: list[str]) -> None:
    """Runs the audit that the flags ask for; an error that a user can mend ends it with one sentence and status 1.

    Args:
        values: the flags, parsed.
        words: arguments that are no flags, which are refused.

    Raises:
        SystemExit: 1 after such an error, 130 after Ctrl-C.
    """
    if words:
        sys.exit(
            f"audit: Every argument must be a flag, --NAME=VALUE. Received: {' '.join(words)}. Nothing was done; "
            f"`python -m tfp_noise.audit --help` lists the flags, such as --csv={words[0]}."
        )
    logging.set_verbosity(logging.WARNING)
    # TensorFlow warns of several prediction functions; a process that trains several models has one for each.
    tf.get_logger().setLevel("ERROR")
    try:
        command.run(settings(values), pathlib.Path(values.out).expanduser(), Progress())
    except (ValueError, TypeError, FloatingPointError, OSError, tf.errors.OpError) as error:
        sys.exit(f"audit: {_with_flags(str(error))}")
    except KeyboardInterrupt:
        sys.stderr.write(f"\nInterrupted. The same command goes on from what is in {values.out!r}.\n")
        sys.exit(130)


def settings(values: flags.FlagValues) -> Settings:
    """The settings that the flags make."""
    names = Settings.__dataclass_fields__
    found = {name: value for name, value in values.flag_values_dict().items() if name in names}
    return Settings(**found | {"features": tuple(values.features) if values.features else None})


def _with_flags(message):
    """An error's text with flags in place of the arguments of the functions that raised it."""

    def flag(match):
        name, value = match.groups()
        return f"`--{_FLAGS[name]}{'' if value == '=True' else value or ''}`" if name in _FLAGS else match[0]

    return re.sub(r"`(\w+)(=\w+)?`", flag, message)


if __name__ == "__main__":
    define_flags(flags.FLAGS)
    app.run(lambda argv: audit(flags.FLAGS, argv[1:]))
