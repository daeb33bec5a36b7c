"""What `check-data` checks: a suite compiled to a plan, one pass over the files, and what was found."""
