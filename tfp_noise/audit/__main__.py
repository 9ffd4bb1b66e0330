"""Audit of labels: finds those that look wrong, and trains a model that is robust to them.

    python -m tfp_noise.audit --csv=pets.csv --label=species --out=pets_audit
    python -m tfp_noise.audit --images=photos --image_size=64 --out=photos_audit
    python -m tfp_noise.audit --images=photos --image_size=64 --csv=index.csv --file=photo --label=animal
    python -m tfp_noise.audit --images=photos --image_size=160 --backbone=MobileNetV2 --weights=mobilenet_v2.h5
    python -m tfp_noise.audit

"photos" is a folder with a folder of images for each class or, with --csv, a folder of the files that this list names.
With --backbone, a trained network of keras.applications makes features of the images, which small networks learn from;
its weights come from a file. Without data of your own, the last line audits small pictures of digits, of which 30 %
were given a wrong label on purpose, and says how many of these it found.

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
    "labels": "csv",
    "name": "dataset",
    "network": "model",
}


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of the command."""
    flags.DEFINE_string(
        "csv",
        None,
        "A table in CSV, with a header line; with --images, a list of their files and labels.",
        flag_values=values,
    )
    flags.DEFINE_string("label", None, "With --csv: the column of the labels.", flag_values=values)
    flags.DEFINE_list(
        "class_names",
        None,
        "All classes in their order, as in cat,dog; those that occur by default.",
        flag_values=values,
    )
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
        "images",
        None,
        "A folder with a folder of images (.jpg, .png) for each class; or of images that --csv lists.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "file", None, "With --images and --csv: the column of the files; 'file' by default.", flag_values=values
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
        "backbone",
        None,
        "With --weights: a network of keras.applications, such as MobileNetV2, that makes features of images. The "
        "best --image_size is that of the images that it was trained on, mostly 224.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "weights",
        None,
        "With --backbone: a file of its weights without the last layer (Keras: include_top=False). Nothing is "
        "downloaded.",
        flag_values=values,
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
        chosen = settings(values)
        command.run(chosen, pathlib.Path(values.out).expanduser(), Progress(steps=7 if chosen.backbone else 6))
    except (ValueError, TypeError, FloatingPointError, ImportError, OSError, tf.errors.OpError) as error:
        sys.exit(f"audit: {_with_flags(str(error))}")
    except KeyboardInterrupt:
        sys.stderr.write(f"\nInterrupted. The same command goes on from what is in {values.out!r}.\n")
        sys.exit(130)


def settings(values: flags.FlagValues) -> Settings:
    """The settings that the flags make."""
    names = Settings.__dataclass_fields__
    found = {name: value for name, value in values.flag_values_dict().items() if name in names}
    lists = {name: tuple(found[name]) for name in ("features", "class_names") if found[name]}
    return Settings(**found | lists)


def _with_flags(message):
    """An error's text with flags in place of the arguments of the functions that raised it."""

    def flag(match):
        name, value = match.groups()
        return f"`--{_FLAGS[name]}{'' if value == '=True' else value or ''}`" if name in _FLAGS else match[0]

    return re.sub(r"`(\w+)(=\w+)?`", flag, message)


if __name__ == "__main__":
    define_flags(flags.FLAGS)
    app.run(lambda argv: audit(flags.FLAGS, argv[1:]))
