"""The log of services: whatever a service or a frontend reports, kept and searched beside the logs of bots."""
