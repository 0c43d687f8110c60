"""Workers: processes that keep torch, the networks and a GPU ready, and stylize the pairs that clients send.

A fast GPU stylizes an image in less time than Python, torch and CUDA need to start. A command for one pair becomes a
client (`client`, standard library only) of a worker (`server`). They exchange JSON lines (`protocol`) over a Unix
socket in a folder that only its user can enter. `batching` optimizes matching images as one batch. `bundle` is a
client of many pairs at once.
"""
