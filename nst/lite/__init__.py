"""The embedded network lite, and its training by knowledge distillation: `python -m nst.lite.train`."""
