"""The only code that speaks SQL. It never reads YAML; nothing above it asks which database it is."""
