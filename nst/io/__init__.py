"""Files, downloads, logs and questions, independent of images."""
