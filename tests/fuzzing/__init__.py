"""Coverage-guided fuzzing: ``make fuzz TIME=60``. Corpora are replayed by the tests.

=====================  ========================================================================================
module                 what it is
=====================  ========================================================================================
:mod:`.source`         the bytes of an input, taken in turn
:mod:`.reader`         target: the frame reader of the host
:mod:`.host`           target: a host's link, and a device that may say anything at any time
:mod:`.python_target`  runs a target of these two under atheris
:mod:`.__main__`       builds and runs all targets, those in C (``firmware/test/fuzz_*.c``) included; keeps corpora small
=====================  ========================================================================================
"""
