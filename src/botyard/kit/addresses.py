"""Which network addresses a request made for a user may go to.

An own table, because Python's `is_global` lets 64:ff9b::/96, 2002::/16, multicast and fec0::/10 through and
`is_private` forgets 100.64.0.0/10. Checked after resolution, so the odd spellings of 127.0.0.1 need no care.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

# Reachable where the operator allows private networks.
_PRIVATE = {
    "127.0.0.0/8": "this machine",
    "10.0.0.0/8": "a private network",
    "172.16.0.0/12": "a private network",
    "192.168.0.0/16": "a private network",
    "100.64.0.0/10": "a carrier's internal network",
    "::1/128": "this machine",
    "fc00::/7": "a private network",
}
# Never reachable. The first ones are where clouds hand out their machines' credentials.
_NEVER = {
    "169.254.169.254/32": "a cloud's metadata service",
    "169.254.170.0/24": "a cloud's metadata service",
    "100.100.100.200/32": "a cloud's metadata service",
    "168.63.129.16/32": "a cloud's metadata service",
    "192.0.0.192/32": "a cloud's metadata service",
    "fd00:ec2::/32": "a cloud's metadata service",
    "fd20:ce::/32": "a cloud's metadata service",
    "0.0.0.0/8": "no particular machine",
    "169.254.0.0/16": "a link-local network",
    "192.0.0.0/24": "a reserved network",
    "192.0.2.0/24": "a network for examples",
    "192.88.99.0/24": "a reserved network",
    "198.18.0.0/15": "a network for measurements",
    "198.51.100.0/24": "a network for examples",
    "203.0.113.0/24": "a network for examples",
    "224.0.0.0/4": "a multicast group",
    "240.0.0.0/4": "a reserved network",
    "::/128": "no particular machine",
    "ff00::/8": "a multicast group",
    "fe80::/10": "a link-local network",
    "fec0::/10": "a retired private network",
    "64:ff9b::/96": "a translated address",
    "64:ff9b:1::/48": "a translated address",
    "2001::/23": "a reserved network",
    "2001:db8::/32": "a network for examples",
    "2002::/16": "a translated address",
    "3fff::/20": "a network for examples",
}
_PRIVATE_NETWORKS = [(ip_network(network), words) for network, words in _PRIVATE.items()]
_NEVER_NETWORKS = [(ip_network(network), words) for network, words in _NEVER.items()]
_GLOBAL_IPV6 = ip_network("2000::/3")


def refusal(address: str, *, allow_private: bool) -> str:
    """What this address is, where a request may not go to it; empty where it may. Takes literals only."""
    parsed = _plain(address)
    for network, words in _NEVER_NETWORKS:
        if parsed in network:
            return words
    for network, words in _PRIVATE_NETWORKS:
        if parsed in network:
            return "" if allow_private else words
    if isinstance(parsed, IPv6Address) and parsed not in _GLOBAL_IPV6:
        return "a reserved network"
    return ""


def _plain(address: str) -> IPv4Address | IPv6Address:
    """The address itself: no zone, and an IPv4 address even where it is written as ::ffff:a.b.c.d."""
    parsed = ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped
    return parsed
