package parameters

import (
	"net"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// formats are the formats that are checked; others are ignored, as in jsonschema.
var formats = map[string]func(string) bool{
	"date":      func(s string) bool { _, err := time.Parse(time.DateOnly, s); return err == nil },
	"date-time": func(s string) bool { _, err := time.Parse(time.RFC3339, strings.ToUpper(s)); return err == nil },
	"time":      regexp.MustCompile(`^\d{2}:\d{2}:\d{2}`).MatchString,
	"email":     regexp.MustCompile("^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*$").MatchString,
	"ipv4": func(s string) bool {
		ip := net.ParseIP(s)
		return ip != nil && ip.To4() != nil && !strings.Contains(s, ":")
	},
	"ip-address": func(s string) bool {
		ip := net.ParseIP(s)
		return ip != nil && ip.To4() != nil && !strings.Contains(s, ":")
	},
	"ipv6":     func(s string) bool { return net.ParseIP(s) != nil && strings.Contains(s, ":") },
	"uri":      func(s string) bool { u, err := url.Parse(s); return err == nil && u.Scheme != "" },
	"hostname": regexp.MustCompile(`^(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$`).MatchString,
}

func checkFormat(c *check, argument nunjucks.Value) {
	text, isText := c.instance.(string)
	name, isName := argument.(string)
	if !isText || !isName {
		return
	}
	if good, known := formats[name]; known && !good(text) {
		c.violation("format", name, "does not conform to the %s format", quote(name))
	}
}
