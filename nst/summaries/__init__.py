"""From the records of pairs to tables, sheets, plots and the gallery. Never imports torch."""
