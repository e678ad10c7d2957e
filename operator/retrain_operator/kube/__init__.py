"""The Kubernetes API by kubernetes.aio: requests, lists and Events. No decisions."""
