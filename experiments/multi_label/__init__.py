"""Several labels an example, some of them wrong: attributes of handwritten digits."""
