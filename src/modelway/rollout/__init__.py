"""A challenger from shadow to all of the traffic, or back, by evidence; and what a plan would do, simulated."""
