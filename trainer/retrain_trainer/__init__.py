"""The trainer: decides what one run does. It never talks to the Kubernetes API."""

__version__ = "0.1.0"
