"""What the gateway is measured against and with."""
