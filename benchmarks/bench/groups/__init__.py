"""What is measured: each module has a function ``run(bench, mode)``, which adds rows to a :class:`bench.measure.Bench`."""
