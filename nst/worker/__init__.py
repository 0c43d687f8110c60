"""A warm worker: one process that keeps torch, the networks and a GPU ready, and stylizes what clients hand it.

A fast GPU stylizes a picture in less time than Python, torch and CUDA take to start. `client` is what a per-pair
command becomes (standard library only), `server` is the process behind it; they exchange JSON lines over a Unix socket
in a folder that only its user can enter.
"""
