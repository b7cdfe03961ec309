"""Table docs: what tables an integration has, as Markdown pages and as the JSON that CloudQuery's tools write."""
