"""What an image holds: whole-tree readers for packages, certificates, tools, users, privileges and runtimes."""
