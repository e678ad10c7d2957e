"""Triggers that are watched between schedules: a Prometheus server that is asked, Alertmanager that tells."""
