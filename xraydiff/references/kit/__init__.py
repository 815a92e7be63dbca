"""What the readers of languages share: grammars, the walk over syntax, values of expressions, look-ups, records."""
