"""Step-GRPO training on the box's own scores. Nothing here yet."""
