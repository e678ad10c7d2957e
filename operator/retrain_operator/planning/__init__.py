"""What should be done, as pure functions of what was observed and the time. One question a file."""
