"""Work in another process: JSON lines through pipes, errors in their own class."""
