"""What makes the documents; no part of the package."""
