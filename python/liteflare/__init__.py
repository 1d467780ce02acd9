"""SQLite applications with their database in Cloudflare D1: the library, the command and the loader for Python."""
