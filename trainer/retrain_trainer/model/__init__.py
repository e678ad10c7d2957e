"""Everything that needs scikit-learn: encode, train, score, compare, save. Imported only once the data has passed."""
