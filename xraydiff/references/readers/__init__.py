"""One reader a language or format. They do not know each other, and stand on the kit."""
