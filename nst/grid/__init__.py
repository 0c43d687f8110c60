"""From a manifest to pairs: what is to be stylized, under which names, at what cost. Never imports torch."""
