"""From the output of ``stedgeai generate`` to a programmed board: what ``n6link firmware build`` and ``flash`` do.

::

    :mod:`~n6link.firmware.boards`      what differs between the boards: switches, external loader, flash
    :mod:`~n6link.firmware.tools`       finds the programs and packages, and says where missing ones come from
    :mod:`~n6link.firmware.process`     runs a program and keeps what it printed
    :mod:`~n6link.firmware.generate`    ``stedgeai generate`` for a model
    :mod:`~n6link.firmware.build`       networks to an image, and weights with addresses
    :mod:`~n6link.firmware.folder`      the result: a folder with ``firmware.json``
    :mod:`~n6link.firmware.layout`      what is where in flash; refuses overlaps
    :mod:`~n6link.firmware.signing`     STM32_SigningTool_CLI, and a check of the signed image
    :mod:`~n6link.firmware.loader`      the first stage boot loader of ST, which starts the image
    :mod:`~n6link.firmware.programmer`  STM32_Programmer_CLI: commands, and its errors in words
    :mod:`~n6link.firmware.state`       what each board has, so that an interrupted run can go on

Commands are those that ST documents, in UM2237 (STM32CubeProgrammer), UM2543 (signing tool) and the README files of its
STM32N6-GettingStarted applications. Nothing here programs a fuse: no command for option bytes or OTP words exists in this package.
"""
