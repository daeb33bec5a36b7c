"""Format, lint, types: what each tool is asked for, and what its words mean."""
