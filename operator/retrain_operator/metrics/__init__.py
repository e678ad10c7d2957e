"""What /metrics shows: counts of this process, and what the policies' status says at the moment of a scrape."""
