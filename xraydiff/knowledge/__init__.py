"""What is known of software, as data: TOML files, each row with its reason and its source."""
