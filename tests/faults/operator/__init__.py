"""Promises P1, P2, P3, P6, P7, P9, P14 and P15: faults between a real operator process and a real API server."""
