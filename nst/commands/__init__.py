"""The subcommands of `nst`, a module each, in which the click command is called `command`; and what they share.

Shared are `completion`, `display`, `options`, `outputs` and `targets`. No subcommand imports another one.
"""
