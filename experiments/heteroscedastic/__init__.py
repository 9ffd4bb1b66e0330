"""Errors and costs of the heteroscedastic loss, by the number and kind of its samples."""
