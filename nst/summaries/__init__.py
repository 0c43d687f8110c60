"""Tables, contact sheets, plots and the gallery, from the records of pairs. Never imports torch."""
