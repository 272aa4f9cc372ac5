"""Pictures on their way into a chat and onto the screen."""
