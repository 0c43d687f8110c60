"""One pair from files to files: read, stylize, record, publish."""
