"""Listens to the events: log lines and metrics. It changes nothing, and only the app knows it."""
