"""``n6link serve``: one board for several programs; see :mod:`n6link.serve.server`."""
