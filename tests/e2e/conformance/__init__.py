"""One site for all tests of this folder; it ends with the last of them."""
