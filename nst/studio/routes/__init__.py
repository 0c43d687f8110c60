"""HTTP routes. Each reads a request, calls the module of its concept, and answers."""
