"""Telling people: Slack."""
