"""The console: the desk's pages in a browser, and the program that builds them."""
