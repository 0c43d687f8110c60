"""The embedded network lite and its training by knowledge distillation; `train` is the command."""
