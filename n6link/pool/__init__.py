"""Many boards on one job: a pool works like one faster device. See :class:`n6link.N6Pool`.

A call goes through these modules: ``network`` (what a program calls) makes a job; ``dispatch`` gives it to the ``board`` where it
will be finished first; ``keeper`` opens, checks and opens again each board; ``proof`` says whether boards compute the same values.
"""
