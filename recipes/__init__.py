"""One module per task; made to be copied."""
