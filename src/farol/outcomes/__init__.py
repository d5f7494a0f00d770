"""What came true of the forecasts, and what can be expected before it is known."""
