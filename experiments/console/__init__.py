"""The scripts' flags and what they print: tables, messages, a progress bar."""
