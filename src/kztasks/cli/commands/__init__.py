"""One module for each command, of its name, with the command as `command`."""
