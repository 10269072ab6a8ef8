"""What a spec says: its model, params, expressions, variants."""
