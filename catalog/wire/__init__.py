"""The wire: what goes out to addresses that users name, and the JSON that comes back."""
