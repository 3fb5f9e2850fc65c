"""What things are: pure values and decisions. No SQL, no YAML, no asyncio, no clock."""
