"""`python -m xraydiff` is the command."""

from xraydiff.cli import main

main()
