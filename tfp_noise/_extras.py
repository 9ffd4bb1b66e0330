"""Packages that only a part of the library needs, and how to install each."""

import importlib

# What `pip install` takes for a package, by the name under which Python imports it; extras are those of setup.py.
SOURCES = {
    "keras_tuner": "'tfp-noise[search]'",
    "matplotlib": "'tfp-noise[figures]'",
    "pandas": "pandas",
    "tensorflow_datasets": "'tfp-noise[data]'",
    "tf2onnx": "'tfp-noise[onnx]'",
}


def load(package, user):
    """Imports a package, or says how to install it before any work begins.

    Args:
        package: one of `SOURCES`.
        user: text, what needs the package, with code in backticks.

    Returns:
        The module.

    Raises:
        ImportError: if the package is not installed.
    """
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:  # one of the package's own requirements
            raise
        raise ImportError(
            f"{user} needs the package `{package}`, which is not installed. Install it by "
            f"`pip install {SOURCES[package]}`."
        ) from error
