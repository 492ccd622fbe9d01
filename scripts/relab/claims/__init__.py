"""What the write-ups claim, scored against what this run found."""
