package parameters

import (
	"math"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/dlclark/regexp2"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// Parts that several formats share.
const (
	dateSyntax     = `\d{4}-(0\d|1[0-2])-(0[1-9]|[12]\d|3[01])`
	timeSyntax     = `([01]\d|2[0-4]):[0-5]\d:([0-5]\d|60)`
	octetSyntax    = `(25[0-5]|2[0-4]\d|[01]?\d?\d)`
	addressSyntax  = `(` + octetSyntax + `\.){3}` + octetSyntax
	labelSyntax    = `[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?`
	mailboxSyntax  = "[\\w!#$%&'*+/=?^`{|}~-]+"
	pointerSyntax  = `(/([^~/]|~[01])*)*`
	channelSyntax  = `\s*(1?\d?\d|2[0-4]\d|25[0-5])\s*`
	percentSyntax  = `\s*(\d?\d%|100%)+\s*`
	colorNames     = `aqua|black|blue|fuchsia|gray|green|lime|maroon|navy|olive|orange|purple|red|silver|teal|white|yellow`
	maxHostname    = 255
	unsafeInAnyURI = " <>\"{}|\\^`"
)

// formats has the formats that are checked. They are as lenient as in jsonschema, and other formats are
// ignored, as there.
var formats = map[string]func(string) bool{
	"date":                  matching(`^` + dateSyntax + `$`),
	"time":                  matching(`^` + timeSyntax + `$`),
	"date-time":             matching(`^` + dateSyntax + `[tT ]` + timeSyntax + `(\.\d+)?([zZ]|[+-][0-5]\d:([0-5]\d|60))$`),
	"duration":              matching(`(?i)P(T\d+[HMS]|\d+[DMYW])`),
	"email":                 matching(`^` + mailboxSyntax + `(\.` + mailboxSyntax + `)*@((` + labelSyntax + `\.)+` + labelSyntax + `|\[` + addressSyntax + `\])$`),
	"idn-email":             matching(`^[^\s@]+@[^\s@]+$`),
	"hostname":              isHostname,
	"host-name":             isHostname,
	"ipv4":                  matching(`^` + addressSyntax + `$`),
	"ip-address":            matching(`^` + addressSyntax + `$`),
	"ipv6":                  isIPv6,
	"uri":                   matching(`^[A-Za-z][A-Za-z0-9+.-]*:\S*$`),
	"iri":                   matching(`^[A-Za-z][A-Za-z0-9+.-]*:\S*$`),
	"uri-reference":         func(s string) bool { return isASCII(s) && isReference(s) },
	"iri-reference":         isReference,
	"uuid":                  matching(`(?i)^[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$`),
	"json-pointer":          matching(`^` + pointerSyntax + `$`),
	"relative-json-pointer": matching(`^\d+(#|` + pointerSyntax + `)$`),
	"regex":                 isPattern,
	"color": matching(`^(#?([0-9A-Fa-f]{3}){1,2}|` + colorNames + `|rgb\((` + channelSyntax + `,` + channelSyntax + `,` + channelSyntax + `|` +
		percentSyntax + `,` + percentSyntax + `,` + percentSyntax + `)\))$`),
	"phone":        matching(`^\+(\d ?){6,14}\d$`),
	"alpha":        matching(`^[a-zA-Z]+$`),
	"alphanumeric": matching(`^[a-zA-Z0-9]+$`),
	"utc-millisec": isWholeNumber,
}

func matching(pattern string) func(string) bool { return regexp.MustCompile(pattern).MatchString }

var hostname = regexp.MustCompile(`^` + labelSyntax + `(\.` + labelSyntax + `)*\.?$`)

func isHostname(s string) bool { return len(s) <= maxHostname && hostname.MatchString(s) }

func isIPv6(s string) bool {
	address, err := netip.ParseAddr(strings.TrimSpace(s))
	return err == nil && address.Is6()
}

func isReference(s string) bool {
	_, err := url.Parse(s)
	return err == nil && !strings.ContainsAny(s, unsafeInAnyURI)
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > '~' })
}

func isPattern(s string) bool {
	_, err := regexp2.Compile(s, regexp2.ECMAScript)
	return err == nil
}

func isWholeNumber(s string) bool {
	n, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	return err == nil && n == math.Trunc(n)
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
