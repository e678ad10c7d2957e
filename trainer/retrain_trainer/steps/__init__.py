"""The steps of a run, one a file; `retrain_trainer.run` puts them in order."""
