package config

import (
	"errors"
	"net/netip"
	"strconv"
)

// proxyNetworks are the names that Express has for networks, and the words for any sender and for none.
var proxyNetworks = map[string][]netip.Prefix{
	"loopback":    prefixes("127.0.0.0/8", "::1/128"),
	"linklocal":   prefixes("169.254.0.0/16", "fe80::/10"),
	"uniquelocal": prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
	"true":        prefixes("0.0.0.0/0", "::/0"),
	"false":       nil,
}

func prefixes(texts ...string) []netip.Prefix {
	var parsed []netip.Prefix
	for _, text := range texts {
		parsed = append(parsed, netip.MustParsePrefix(text))
	}
	return parsed
}

// TrustedProxies is backend.trustProxy: how many proxies every request passes, and the networks of proxies.
func (b Backend) TrustedProxies() (hops int, networks []netip.Prefix) {
	for _, text := range b.TrustProxy {
		more, trusted, _ := parseProxy(text) // the schema has checked it
		hops, networks = max(hops, more), append(networks, trusted...)
	}
	return hops, networks
}

func parseProxy(text string) (hops int, networks []netip.Prefix, err error) {
	if named, known := proxyNetworks[text]; known {
		return 0, named, nil
	}
	if hops, err := strconv.ParseUint(text, 10, 8); err == nil {
		return int(hops), nil, nil
	}
	if address, err := netip.ParseAddr(text); err == nil {
		return 0, []netip.Prefix{netip.PrefixFrom(address, address.BitLen())}, nil
	}
	network, err := netip.ParsePrefix(text)
	if err != nil {
		return 0, nil, errors.New("not an address, a network (10.0.0.0/8), loopback, linklocal, uniquelocal, a number of proxies, true or false")
	}
	return 0, []netip.Prefix{network}, nil
}

func checkProxy(text string) error {
	_, _, err := parseProxy(text)
	return err
}
