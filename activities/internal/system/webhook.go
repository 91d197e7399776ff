package system

import (
	"net/url"
	"slices"
	"strings"

	"github.com/portico-dev/portico/scaffolder/action"
)

// Webhooks are the addresses to which the messages of templates may go.
type Webhooks struct {
	// Configured is the operator's own address, "" when there is none.
	Configured string
	// Vendor are the hosts of the vendor, to which https leads; "*.example.com" is every host below. Allowed are further
	// ones of the configuration, whose section is Key, as in "slack".
	Vendor, Allowed []string
	Key             string
}

// Check refuses an address that is not allowed: it is a template's author who writes it.
func (w Webhooks) Check(address string) error {
	if address == w.Configured {
		return nil
	}
	parsed, err := url.Parse(address)
	if err != nil || parsed.User != nil {
		return action.InputError("webhookUrl is no address")
	}
	isHTTP := parsed.Scheme == "https" || parsed.Scheme == "http"
	if parsed.Scheme == "https" && matches(w.Vendor, parsed.Host) || isHTTP && matches(w.Allowed, parsed.Host) {
		return nil
	}
	return action.Advise(action.InputError("webhookUrl leads to %s, to which messages may not go", parsed.Host),
		"Ask an operator to add the host to %s.webhookHosts, or leave webhookUrl out where %s.webhookUrl is configured.", w.Key, w.Key)
}

// matches reports whether one of the hosts is this one.
func matches(hosts []string, host string) bool {
	return slices.ContainsFunc(hosts, func(one string) bool {
		below, isPattern := strings.CutPrefix(one, "*")
		return one == host || isPattern && strings.HasSuffix(host, below) && len(host) > len(below)
	})
}
