"""Security: known vulnerabilities, risky code, secrets, model files that run code, the bill of materials."""
