"""What is kept on disk: conversations and settings. No Qt."""
