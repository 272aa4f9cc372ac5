"""The chat page: transcript, messages, composer and empty states."""
