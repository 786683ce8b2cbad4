"""``python -m n6link`` runs the program ``n6link``."""

from n6link.cli import main

main()
