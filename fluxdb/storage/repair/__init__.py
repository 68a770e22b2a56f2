"""Looking for damage, and making a damaged folder open again."""
