"""The app side of kztasks."""
