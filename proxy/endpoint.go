package proxy

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Credentials says what a request to an endpoint needs.
type Credentials string

const (
	// Require needs a token of Portico, which the target does not get.
	Require Credentials = "require"
	// Forward needs a token of Portico, and sends it to the target.
	Forward Credentials = "forward"
	// Unauthenticated needs none: anybody may use the target with the headers of the configuration.
	Unauthenticated Credentials = "dangerously-allow-unauthenticated"
)

// Endpoint is an entry of proxy.endpoints: a server that callers reach through Portico.
type Endpoint struct {
	// Route is the path below /api/proxy at which the endpoint begins: "/pagerduty".
	Route string
	// Target is the URL of the server. A path in it comes before the path of each request.
	Target string
	// KeepHost sends the host that the caller has named instead of the target's: changeOrigin: false.
	KeepHost bool
	// SkipTLSVerify accepts any certificate of the target: secure: false.
	SkipTLSVerify bool
	// FollowRedirects follows the target's redirects to itself. Others are refused.
	FollowRedirects bool
	// PathRewrite, when not nil, replaces the default, which removes /api/proxy and the route. The first rule that
	// matches is applied.
	PathRewrite []Rewrite
	// Headers are sent to the target, in place of the caller's of the same name.
	Headers map[string]string
	// AllowedMethods, when not empty, are the only methods.
	AllowedMethods []string
	// AllowedHeaders are further headers that pass in both directions.
	AllowedHeaders []string
	Credentials    Credentials
}

// Rewrite is a rule of pathRewrite: what a regular expression matches in the path is replaced, once. $1 is a group
// of it.
type Rewrite struct{ Pattern, Replacement string }

// passing are the headers that pass without being named, in both directions, as in Backstage.
var passing = []string{
	"Cache-Control", "Content-Language", "Content-Length", "Content-Type", "Expires", "Last-Modified", "Pragma",
	"Accept", "Accept-Language", "User-Agent",
}

// alsoPassing are those that pass in Portico only. The first makes a request safe to repeat, and without the second
// nobody could read a compressed body.
var (
	alsoPassingOut  = []string{"Idempotency-Key"}
	alsoPassingBack = []string{"Content-Encoding"}
)

// endpoint is an Endpoint that was checked.
type endpoint struct {
	Endpoint

	target  *url.URL
	rewrite []rule
	// out and back are the names of the headers that pass to the target and from it.
	out, back map[string]bool
	client    *http.Client
}

type rule struct {
	pattern     *regexp.Regexp
	replacement string
}

// check reads an endpoint. Errors repeat neither the target nor a header: both may hold a secret.
func (e Endpoint) check(prefix string) (*endpoint, error) {
	checked := &endpoint{Endpoint: e}
	if !strings.HasPrefix(e.Route, "/") {
		return nil, errors.New("its name must begin with a slash")
	}
	var err error
	if checked.target, err = parseTarget(e.Target); err != nil {
		return nil, err
	}
	switch e.Credentials {
	case "":
		checked.Credentials = Require
	case Require, Forward, Unauthenticated:
	default:
		return nil, fmt.Errorf("unknown credentials '%s': expected one of '%s', '%s', '%s'", e.Credentials, Require, Forward, Unauthenticated)
	}
	if checked.rewrite, err = e.rules(prefix); err != nil {
		return nil, err
	}
	checked.out, checked.back = named(passing, alsoPassingOut, e.AllowedHeaders), named(passing, alsoPassingBack, e.AllowedHeaders)
	if checked.Credentials == Forward {
		checked.out["Authorization"] = true
	}
	return checked, nil
}

func parseTarget(text string) (*url.URL, error) {
	if text == "" {
		return nil, errors.New("it has no target")
	}
	target, err := url.Parse(text)
	switch {
	case err != nil || target.Host == "" || target.Scheme != "http" && target.Scheme != "https":
		return nil, errors.New("its target is not an http or https URL")
	case target.User != nil:
		return nil, errors.New("its target has a user or a password: put them into an Authorization header")
	case target.RawQuery != "" || target.Fragment != "":
		return nil, errors.New("its target has a query or a fragment, which would not be sent")
	}
	return target, nil
}

// rules are those of pathRewrite, or the default one.
func (e Endpoint) rules(prefix string) ([]rule, error) {
	if e.PathRewrite == nil {
		route := strings.TrimSuffix(e.Route, "/") + "/"
		pattern, err := regexp.Compile("^" + regexp.QuoteMeta(prefix+route) + "?")
		return []rule{{pattern, "/"}}, err
	}
	var rules []rule
	for _, each := range e.PathRewrite {
		pattern, err := regexp.Compile(each.Pattern)
		if err != nil {
			return nil, fmt.Errorf("pathRewrite: %w", err)
		}
		rules = append(rules, rule{pattern, replacementOf(each.Replacement)})
	}
	return rules, nil
}

// groupOfJavaScript is a reference to a group in a replacement, as JavaScript writes it.
var groupOfJavaScript = regexp.MustCompile(`\$(\$|&|\d{1,2})`)

// replacementOf translates a replacement of JavaScript into one of package regexp.
func replacementOf(text string) string {
	translated, rest := "", text
	for {
		at := groupOfJavaScript.FindStringIndex(rest)
		if at == nil {
			return translated + strings.ReplaceAll(rest, "$", "$$")
		}
		translated += strings.ReplaceAll(rest[:at[0]], "$", "$$")
		switch name := rest[at[0]+1 : at[1]]; name {
		case "$":
			translated += "$$"
		case "&":
			translated += "${0}"
		default:
			translated += "${" + name + "}"
		}
		rest = rest[at[1]:]
	}
}

// apply replaces the first match of the rule in a text. It reports whether there is one.
func (r rule) apply(text string) (string, bool) {
	at := r.pattern.FindStringSubmatchIndex(text)
	if at == nil {
		return text, false
	}
	replaced := r.pattern.ExpandString(nil, r.replacement, text, at)
	return text[:at[0]] + string(replaced) + text[at[1]:], true
}

func named(lists ...[]string) map[string]bool {
	set := map[string]bool{}
	for _, list := range lists {
		for _, name := range list {
			set[http.CanonicalHeaderKey(name)] = true
		}
	}
	return set
}

// covers reports whether a path is at the endpoint, or below it.
func (e *endpoint) covers(path string) bool {
	rest, below := strings.CutPrefix(path, strings.TrimSuffix(e.Route, "/"))
	return below && (rest == "" || rest[0] == '/')
}

// takes reports whether the endpoint has a method.
func (e *endpoint) takes(method string) bool {
	return len(e.AllowedMethods) == 0 || slices.Contains(e.AllowedMethods, method)
}

// address is the URL at the target for a path below /api/proxy, which is escaped, and a query.
func (e *endpoint) address(prefix, path, query string) (*url.URL, error) {
	text := prefix + path
	if query != "" {
		text += "?" + query
	}
	for _, each := range e.rewrite {
		if rewritten, matches := each.apply(text); matches {
			text = rewritten
			break
		}
	}
	rest, query, _ := strings.Cut(text, "?")
	escaped := strings.TrimSuffix(e.target.EscapedPath(), "/") + "/" + strings.TrimPrefix(rest, "/")
	decoded, err := url.PathUnescape(escaped)
	if err != nil {
		return nil, fmt.Errorf("the path is not escaped as in a URL: %w", err)
	}
	at := *e.target
	at.Path, at.RawPath, at.RawQuery = decoded, escaped, query
	return &at, nil
}
