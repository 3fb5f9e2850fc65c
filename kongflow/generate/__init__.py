"""What is written from a catalog for others to read: a typed client. Pure: text in memory, no file and no clock."""
