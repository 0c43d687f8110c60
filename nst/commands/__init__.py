"""The subcommands of `nst`, a module each; the click command in each is called `command`."""
