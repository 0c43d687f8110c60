"""The studio: a web app that writes manifests and runs the workflow."""
