"""Reference metrics of an image, comparable between networks, sizes, presets and systems.

They use one reference network: the original VGG-19, which is installed with nst (`nst.networks.oxford`), with maximum
pooling, features after the ReLU, in float32, at the image's size but at most 1024 px. `nst.settings.metrics` declares
them; docs/explanation/metrics.md says what each sees.
"""

from nst.metrics.evaluation import Metrics, evaluate
from nst.metrics.reference import ReferenceNetwork
from nst.metrics.structure import luminance, ssim

__all__ = ["Metrics", "ReferenceNetwork", "evaluate", "luminance", "ssim"]
