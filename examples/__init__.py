"""Examples: each script here answers one question, and becomes a page and a notebook (`make examples`)."""
