"""Colours, fonts, spacing, icons and the style sheet."""
