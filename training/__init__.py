"""Step-GRPO on the box's own scores: rewards, group advantages, loss and log-probs as pure functions."""
