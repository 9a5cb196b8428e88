"""Operators: the people who run the product and answer its users' mail. They are no accounts of the product."""
