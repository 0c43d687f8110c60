"""The networks whose features are matched, and the ways to compute them fast."""
