"""A trained model: features, preprocessing, bundle, registry, scoring, reasons."""
