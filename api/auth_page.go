package api

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"

	"github.com/portico-dev/portico/identity/signin"
	"github.com/portico-dev/portico/plainjson"
)

// handOverScript posts the outcome of a sign-in to the window that opened this one. It is the same for every
// response, so that the content policy can name its hash; what differs is in an attribute.
//
//go:embed auth_page.js
var handOverScript string

var handOverPolicy = fmt.Sprintf("default-src 'none'; frame-ancestors 'self'; script-src 'sha256-%s'", scriptHash(handOverScript))

func scriptHash(script string) string {
	hash := sha256.Sum256([]byte(script))
	return base64.StdEncoding.EncodeToString(hash[:])
}

var handOverPage = template.Must(template.New("handler").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sign in</title></head>
<body data-outcome="{{.Outcome}}"><h1>{{.Title}}</h1><p>{{.Text}}</p><script>{{.Script}}</script></body></html>
`))

// authorizationMessage is the message that a page of Backstage's clients waits for. It has a response or an
// error.
type authorizationMessage struct {
	// Type is set by handOver.
	Type     string       `json:"type"`
	Response any          `json:"response,omitempty"`
	Error    *errorDetail `json:"error,omitempty"`
}

// outcome is what the script reads.
type outcome struct {
	// Origin is the only one whose page gets the message.
	Origin  string               `json:"origin"`
	Message authorizationMessage `json:"message"`
}

// handOver responds with a page that posts the outcome to the page of the origin that asked for it.
func (a *auth) handOver(c *call, flow signin.Flow, message authorizationMessage) error {
	message.Type = "authorization_response"
	encoded, err := plainjson.Marshal(outcome{cmp.Or(flow.Request.Origin, a.portal), message})
	if err != nil {
		return fmt.Errorf("encode the outcome of a sign-in: %w", err)
	}
	shown := struct {
		Outcome, Title, Text string
		Script               template.JS
	}{string(encoded), "You are signed in", "You can close this window.", template.JS(handOverScript)} //nolint:gosec // The script is embedded at build time and contains no input.
	if message.Error != nil {
		shown.Title, shown.Text = "You are not signed in", message.Error.Message
	}
	var body bytes.Buffer
	if err := handOverPage.Execute(&body, shown); err != nil {
		return fmt.Errorf("write the page of a sign-in: %w", err)
	}
	c.Header("Content-Security-Policy", handOverPolicy)
	c.Data(http.StatusOK, htmlContent+"; charset=utf-8", body.Bytes())
	return nil
}
