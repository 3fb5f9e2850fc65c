"""What runs: one moving part a file, one verb a part."""
