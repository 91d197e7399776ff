package http

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
)

// proxyPlugin is the id under which the proxy is asked.
const proxyPlugin = "proxy"

var (
	scheme   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:`)
	pluginID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*$`)
)

// unable is Backstage's sentence for a request that failed.
const unable = "Unable to complete request"

// failed is a final error with Backstage's text.
func failed(format string, args ...any) error {
	return action.Final(fmt.Errorf(format, args...))
}

// locate reads a path: the id of a plugin, and the rest.
func (c *caller) locate(p *prepared, path string) error {
	if scheme.MatchString(path) || strings.HasPrefix(path, "//") {
		return c.refuseAbsolute(path)
	}
	path, _, _ = strings.Cut(path, "#")
	path, query, _ := strings.Cut(path, "?")
	path = strings.TrimPrefix(strings.TrimPrefix(path, "/"), "api/")
	plugin, rest, _ := strings.Cut(path, "/")
	p.place, p.plugin, p.rest, p.query = path, plugin, escape(rest), escape(query)
	if !pluginID.MatchString(plugin) {
		return action.Advise(failed(unable), "Begin the path with the id of a plugin, as in catalog/entities, or with proxy and an endpoint.")
	}
	if _, known := c.Plugins[plugin]; !known && plugin != proxyPlugin {
		return action.Advise(action.Final(fault.New(fault.NotAllowed, "Templates may not ask the plugin '%s'", plugin)),
			"If they should, add it to portico.http.plugins, or to discovery.endpoints if it is one of a Backstage elsewhere.")
	}
	return checkSegments(p.rest)
}

// refuseAbsolute refuses a path that names a server: only the configuration does.
func (c *caller) refuseAbsolute(path string) error {
	host := ""
	if parsed, err := url.Parse(path); err == nil {
		host = parsed.Hostname()
	}
	if len(c.AllowedHosts) > 0 && !slices.ContainsFunc(c.AllowedHosts, func(allowed string) bool {
		return host == allowed || strings.HasSuffix(host, "."+allowed)
	}) {
		return failed("SSRF Blocked: The target host '%s' does not match any 'scaffolder.http.allowedHosts'.", host)
	}
	return action.Advise(failed(unable), "The path is a URL, and requests go to plugins only. Add the server to proxy.endpoints, and write "+
		"proxy, the name of the endpoint and the path.")
}

// checkSegments refuses a path that leaves its plugin.
func checkSegments(rest string) error {
	decoded, err := url.PathUnescape(rest)
	if err != nil {
		return action.InputError("the path is not escaped as in a URL: %w", err)
	}
	parts := strings.FieldsFunc(decoded, func(r rune) bool { return r == '/' || r == '\\' })
	if slices.Contains(parts, "..") || slices.Contains(parts, ".") {
		return action.InputError("the path must not contain the parts '.' and '..'")
	}
	return nil
}

// escape escapes what a URL cannot contain, and keeps what is escaped already.
func escape(text string) string {
	const hex = "0123456789ABCDEF"
	var escaped strings.Builder
	for _, c := range []byte(text) {
		if c <= ' ' || c >= 0x7F || strings.IndexByte("\"'<>\\^`{|}", c) >= 0 {
			escaped.Write([]byte{'%', hex[c>>4], hex[c&15]})
			continue
		}
		escaped.WriteByte(c)
	}
	return escaped.String()
}
