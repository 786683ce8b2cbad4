"""Coverage-guided fuzzing: ``make fuzz TIME=60``. The tests replay the inputs in ``corpus/``.

=====================  =======================================================================================
module                 what it does
=====================  =======================================================================================
:mod:`.corpus`         reads and writes the inputs that are kept
:mod:`.source`         takes the bytes of an input one after the other
:mod:`.reader`         a target: the frame reader of the host
:mod:`.host`           a target: a host's link, and a device that may send anything at any time
:mod:`.device`         a target: a device that lies, and a program that asks for everything
:mod:`.replay`         runs one of these three targets on files, and measures which lines and branches are reached
:mod:`.run_python`     fuzzes one of these three targets, with atheris
:mod:`.__main__`       runs all targets, those in C (``firmware/test/fuzz_*.c``) included; keeps the corpora small
=====================  =======================================================================================
"""
