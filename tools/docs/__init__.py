"""The generated pages of docs/, and the check that they are what the code says."""
