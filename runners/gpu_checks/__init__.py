"""Checks and speeds of the GPU path for `akma doctor --gpu`: each is a generator of figures in a process of its own."""
