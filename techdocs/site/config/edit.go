package config

import (
	"fmt"
	"strings"

	"github.com/portico-dev/portico/techdocs/site/quote"
)

// checkTemplate says what is wrong with an edit_uri_template.
func checkTemplate(template string) error {
	_, err := expand(template, "", "")

	return err
}

// EditPath returns the address of a page's source for edit_uri_template, which has the fields path and path_noext. "{path!q}" escapes
// the slashes, too.
func (c *Config) EditPath(path, withoutExtension string) string {
	expanded, _ := expand(c.EditURITemplate, path, withoutExtension)

	return expanded
}

func expand(template, path, withoutExtension string) (string, error) {
	var out strings.Builder
	for rest := template; rest != ""; {
		at := strings.IndexAny(rest, "{}")
		if at < 0 {
			out.WriteString(rest)

			break
		}
		out.WriteString(rest[:at])
		rest = rest[at:]
		if strings.HasPrefix(rest, "{{") || strings.HasPrefix(rest, "}}") {
			out.WriteByte(rest[0])
			rest = rest[2:]

			continue
		}
		if rest[0] == '}' {
			return "", fmt.Errorf("a } has no {")
		}
		field, after, closed := strings.Cut(rest[1:], "}")
		if !closed {
			return "", fmt.Errorf("a { is not closed")
		}
		rest = after
		name, conversion, _ := strings.Cut(field, "!")
		value, is := map[string]string{"path": path, "path_noext": withoutExtension}[name]
		if !is {
			return "", fmt.Errorf("it has the field %q; the fields are path and path_noext", name)
		}
		switch conversion {
		case "":
		case "q":
			value = quote.All(value)
		default:
			return "", fmt.Errorf("it has the conversion %q; there is only !q, which escapes", conversion)
		}
		out.WriteString(value)
	}

	return out.String(), nil
}
