"""What is minimized: the losses, one module a style loss, and the objective that they add up to."""
