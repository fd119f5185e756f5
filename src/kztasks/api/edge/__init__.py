"""Between the server and the routes: what holds for every request. Written against ASGI itself."""
