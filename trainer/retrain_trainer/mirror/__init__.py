"""A mirror of a policy's champions in the model registry of an MLflow server (docs/publishing.md)."""
