"""``python -m n6link`` is the program ``n6link``."""

from n6link.cli import main

main()
