"""Files, downloads, logs and questions: what knows nothing of images."""
