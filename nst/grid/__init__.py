"""From a manifest to pairs with their names, settings and estimated cost. Never imports torch."""
