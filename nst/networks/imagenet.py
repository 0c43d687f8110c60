"""How the networks expect their input to be normalized."""

#: Mean and standard deviation of ImageNet's RGB values in 0..1, which the weights expect taken out.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
