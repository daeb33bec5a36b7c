"""Batch inference: a data set in, predictions out, in bounded memory; killed and started again, it goes on."""
