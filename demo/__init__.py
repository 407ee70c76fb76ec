"""The demo: pictures it draws itself, a small DiAD trained on them, and what it reaches."""
