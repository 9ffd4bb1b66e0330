"""`python -m examples`: runs all examples, and writes their pages and notebooks to build/examples."""

from examples import _building

for page in _building.pages("build/examples"):
    print(f"{page.name}: {page.seconds:.0f} s")
