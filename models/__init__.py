"""Networks of the papers' experiments, by name: `models.build("resnet32", (32, 32, 3), 10)`."""

from models.registry import build, names

__all__ = ["build", "names"]
