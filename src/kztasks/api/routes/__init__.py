"""The routes: each reads its request, lets a service do the work, and wraps the answer."""
