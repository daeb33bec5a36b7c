"""Who may push to the tests' registry."""

from __future__ import annotations

USER, TOKEN = "trainer", "hunter2-and-nothing-else"
ECR_TOKEN = "123456789012-auth-token"
"""What moto's ECR gives."""
PASSWORDS = f"""\
{USER}:$2b$05$03HyxpYyrXLaK./rfJ5pNuwg1pQGp4L28RHbNxntkBJ/XTmall1w2
AWS:$2b$05$pEp93/3k8gU.zNdwysd/Leuta6Nxup/QRxVGb4Uc9M/XFXYJIbY0i
"""
"""bcrypt of the two tokens."""
