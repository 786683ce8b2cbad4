"""The linked STM32N6 image on modelled silicon: a Cortex-M33 of Unicorn, and models of our own of the chip around it.

    python -m emulation image.elf --tcp 7777        (in the folder `firmware`, with the dependency group `emulation`)

What this is for: the port's start-up, its drivers and its failures can be run, without a board. What it is not: a
measure of time, or of numbers that a network computes. The NPU's epochs write a pattern that follows from what they read, and no more.

Each model says at its head where its behaviour comes from. "Header" means that it repeats our own reading of register
definitions in ST's CMSIS or HAL headers: a mistake of that reading is then in the firmware and in the model alike, and is not found.
"""
