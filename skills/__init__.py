"""What worked: the home of skills, programs of tool calls mined from the log and verified by replay."""
