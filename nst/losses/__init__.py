"""The losses, with one module per style loss, and the objective: their weighted sum."""
