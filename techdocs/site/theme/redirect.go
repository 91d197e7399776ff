package theme

import (
	"fmt"
	"html/template"
	"io"
)

// redirectTemplate has no script: readers remove them, and a browser follows the meta element.
var redirectTemplate = template.Must(template.New("redirect").Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Redirecting...</title>
<link rel="canonical" href="{{.}}">
<meta http-equiv="refresh" content="0; url={{.}}">
</head>
<body>
You're being redirected to a <a href="{{.}}">new destination</a>.
</body>
</html>
`))

// Redirect writes a page that leads to another one.
func Redirect(out io.Writer, url string) error {
	if err := redirectTemplate.Execute(out, url); err != nil {
		return fmt.Errorf("render a redirect: %w", err)
	}

	return nil
}
