"""What breaks the appliance on purpose: kills at named points, writes that fail, power that goes."""
