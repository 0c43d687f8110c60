"""`python -m nst`, where the command `nst` is not on the path."""

from nst.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
