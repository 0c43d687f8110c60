"""The style pictures: paintings and prints with a strong hand of their own."""
