"""Packages that only a part of the library needs, each installed by an extra of `pip install`."""

import importlib

# The extra of setup.py that installs a package, by the name under which Python imports it.
EXTRAS = {"keras_tuner": "search", "matplotlib": "figures", "tensorflow_datasets": "data"}


def load(package, user):
    """Imports a package, or says how to install it before any work begins.

    Args:
        package: one of `EXTRAS`.
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
            f"`pip install 'tfp-noise[{EXTRAS[package]}]'`."
        ) from error
