"""How a card's memory is shown: a bar in parts, and a planner that moves it."""
