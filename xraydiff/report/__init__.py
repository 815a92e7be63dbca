"""The document: a detached Report, its JSON, its schema and its text."""
