"""The course as a web site: pages from the stored notebooks, a reference, and the model itself, talking in the page."""
