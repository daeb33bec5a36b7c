"""Mutation testing: puts faults into a copy of the project, one at a time, and runs the tests near each."""
