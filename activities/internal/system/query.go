package system

import (
	"net/url"
	"strings"
)

// component turns the encoding of package url into that of JavaScript's encodeURIComponent.
var component = strings.NewReplacer("+", "%20", "%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*")

// Component escapes a text for a query, as JavaScript's encodeURIComponent and so Backstage's actions do.
func Component(text string) string { return component.Replace(url.QueryEscape(text)) }

// Query is a query of names and values in turn, "" without any; it begins with a question mark.
func Query(pairs ...string) string {
	var fields []string
	for i := 0; i+1 < len(pairs); i += 2 {
		fields = append(fields, Component(pairs[i])+"="+Component(pairs[i+1]))
	}
	if len(fields) == 0 {
		return ""
	}
	return "?" + strings.Join(fields, "&")
}
