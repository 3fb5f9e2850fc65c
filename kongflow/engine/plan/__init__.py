"""What a deploy would change in a database, and what it would break."""
