"""The client for asyncio. The blocking one is made from it by generate_sync.py."""
