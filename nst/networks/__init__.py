"""Feature extractors, and fast implementations of their layers for GPUs and CPUs."""
