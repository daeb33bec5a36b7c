"""A stranger's project: what is there, and the files that bring modelway into it."""
