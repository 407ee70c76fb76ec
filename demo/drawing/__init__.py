"""The images of the demo: products with and without defects, drawn from seeds."""
