"""GPUs and their locks, the CPU, and torch's configuration."""
