"""A release onto a target: planned first, recorded, applied, waited for, smoked, and rolled back where it fails."""
