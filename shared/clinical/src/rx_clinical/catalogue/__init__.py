"""The catalogue: the tables of figures, drugs, products and words, and the classification of medicines by them."""
