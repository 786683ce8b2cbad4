"""``n6link view``: a page of a board at work, served on loopback. A module uses only modules above it in this table.

=============  =========================================================================================================
``audience``   the newest value of each topic, and the viewers who receive it
``guard``      refuses requests of other web pages, and sets the headers that restrict ours
``live``       sources of pictures: the demonstration, and the pace of others
``facts``      what the page shows about a board, as plain values with figures as text
``scene``      one result as a message: the picture, what the network saw, and the mean times of its stages
``show``       runs the chosen network on the chosen picture, source or text
``app``        the routes: the page, pictures that arrive, the socket of a viewer
``server``     one board, watched and shown, until the program ends
``page/``      HTML, styles and scripts: no build step, and nothing from other servers
=============  =========================================================================================================

Everything is shared: a board is one, so all viewers see the same show, and each may change it. The server sends only the newest
value of each topic, and only after the viewer has asked for it: a slow viewer misses values and does not delay anybody.
"""
