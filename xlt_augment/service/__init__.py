"""The synonym service: an HTTP API and a page over synonym sets (`xlt-augment serve`; docs/service.md)."""
