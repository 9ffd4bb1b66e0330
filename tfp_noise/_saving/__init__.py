"""Files that the library writes and reads: models, backups, checksums, locks."""
