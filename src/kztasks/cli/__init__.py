"""The command `kztasks`. Each of its commands is a module, which is imported when it is used."""
