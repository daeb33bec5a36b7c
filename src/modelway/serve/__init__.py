"""The HTTP server of bundles: predictions, routing by flags, shadow, the prediction log, metrics."""
