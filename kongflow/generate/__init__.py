"""What is written from a catalog for others to read: a client, a page. Pure: text in memory, no file, no clock."""
