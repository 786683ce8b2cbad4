"""Text networks: tokens in, tokens out, one inference per token."""
