"""The web interface: reads the store, shows it, and puts what the user asks for into it. Makes and judges nothing."""
