"""Markdown: text to blocks to widgets, also while the text still arrives."""
