"""What the user sees: widgets that show state and report intent. They know neither the store nor the engine."""
