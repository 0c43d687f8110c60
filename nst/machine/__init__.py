"""The machine: its GPUs and CPU, and how torch computes on them."""
