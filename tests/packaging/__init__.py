"""Table docs and packages of integrations, beside those that CloudQuery's own SDK writes."""
