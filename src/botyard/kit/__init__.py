"""What has no domain: storage, errors, time, ids, money, outgoing HTTP."""
