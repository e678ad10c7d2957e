"""Of several replicas one acts: who it is stands in a Lease of the API server."""
