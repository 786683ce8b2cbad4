"""Programs that run a network again and again: streams of frames, control loops, and what they measure."""
