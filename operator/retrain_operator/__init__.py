"""The operator: decides when a run starts and reports what runs did. It reads neither data nor models."""

__version__ = "0.1.0"
