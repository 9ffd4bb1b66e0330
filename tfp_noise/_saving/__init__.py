"""Writing and reading of files: models, backups, checksums, locks."""
