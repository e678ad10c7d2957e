"""What tests share: kubectl, an operator process, polling with a deadline. Nothing here stands in for a real part."""
