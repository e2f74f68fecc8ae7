"""The published language: words, resources and document schemas. Imports nothing of the server."""
