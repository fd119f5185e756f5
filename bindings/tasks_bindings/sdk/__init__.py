"""What an app author writes with: categories, actions, verifiers, returns, and the runner."""
