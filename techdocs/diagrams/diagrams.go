// Package diagrams asks servers to draw diagrams, such as those of PlantUML and Kroki. The addresses come from the authors of documentation, so
// only servers that the operator permits are asked, and what they answer is bounded and cleaned.
package diagrams

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/flight"
)

const (
	// maxPicture bounds an answer.
	maxPicture = 4 << 20
	// maxAddress bounds an address, which has the diagram in it.
	maxAddress = 64 << 10
	// cached bounds the pictures that are kept.
	cached = 16 << 20
	// usualTime is how long a server may take, where nobody says otherwise.
	usualTime = 15 * time.Second
)

// Options are how servers are asked.
type Options struct {
	// Servers are the addresses that are permitted, each with everything below it.
	Servers []string
	// Time is how long a server may take; zero is 15 seconds.
	Time time.Duration
	// Transport sends the requests.
	Transport http.RoundTripper
}

// Client asks servers. It is safe for concurrent use.
type Client struct {
	servers []*url.URL
	time    time.Duration
	http    http.Client
	kept    *pictures
	asking  flight.Group[[]byte]
}

// New makes a client. Without servers, it permits none. An address that cannot be one of a server is a fault of kind Input.
func New(options Options) (*Client, error) {
	c := &Client{time: options.Time, kept: newPictures(cached), http: http.Client{Transport: options.Transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // it may lead to a server that nobody permits
	}}}
	if c.time <= 0 {
		c.time = usualTime
	}
	for _, server := range options.Servers {
		parsed, err := url.Parse(server)
		if err != nil || parsed.Host == "" || parsed.User != nil || parsed.RawQuery != "" || parsed.Scheme != "http" && parsed.Scheme != "https" {
			return nil, fault.Wrap(fault.Input, err, "'%s' is no address of a server of diagrams: write https://host, with a path if it has one", server)
		}
		c.servers = append(c.servers, parsed)
	}
	return c, nil
}

// Fetch asks a server for a picture, or takes the one that it drew of the same before.
func (c *Client) Fetch(ctx context.Context, method, address string, body []byte) ([]byte, error) {
	asked, err := c.permitted(address)
	if err != nil {
		return nil, err
	}
	hash := sha256.New()
	fmt.Fprintf(hash, "%s %s\n", method, asked)
	_, _ = hash.Write(body)
	key := string(hash.Sum(nil))
	if picture := c.kept.get(key); picture != nil {
		return picture, nil
	}
	return c.asking.Do(ctx, key, c.time, func(ctx context.Context) ([]byte, error) {
		picture, err := c.ask(ctx, method, asked, body)
		if err == nil {
			c.kept.put(key, picture)
		}
		return picture, err
	})
}

// permitted is the address as it is asked, if it is at or below that of a server. A path that could be read in two ways is refused.
func (c *Client) permitted(address string) (*url.URL, error) {
	if len(address) > maxAddress {
		return nil, fault.New(fault.Input, "the diagram is too large for an address; set http_method: POST of plantuml_markdown")
	}
	asked, err := url.Parse(address)
	if err != nil || asked.User != nil || asked.RawQuery != "" || asked.Fragment != "" || strings.ContainsAny(asked.Path, "\\%") || asked.RawPath != "" ||
		strings.TrimSuffix(asked.Path, "/") != strings.TrimSuffix(path.Clean("/"+asked.Path), "/") {
		return nil, fault.New(fault.Input, "the address of the server of diagrams is not a plain one: write https://host/path, without .. and escapes")
	}
	for _, server := range c.servers {
		below := strings.TrimSuffix(server.Path, "/") + "/"
		if asked.Scheme == server.Scheme && hostOf(asked) == hostOf(server) && strings.HasPrefix(asked.Path, below) {
			return asked, nil
		}
	}
	if len(c.servers) == 0 {
		return nil, fault.New(fault.NotAllowed, "no server of diagrams is permitted here: whoever operates Portico adds %s://%s to portico.techdocs.diagrams.servers", asked.Scheme, asked.Host)
	}
	return nil, fault.New(fault.NotAllowed, "the server of diagrams %s is not permitted: whoever operates Portico adds it to portico.techdocs.diagrams.servers", asked.Host)
}

// hostOf is the host with its port.
func hostOf(address *url.URL) string {
	port := address.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[address.Scheme]
	}
	return strings.ToLower(address.Hostname()) + ":" + port
}

func (c *Client) ask(ctx context.Context, method string, address *url.URL, body []byte) (picture []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, method, address.String(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", address.Host, err)
	}
	if len(body) > 0 {
		request.Header.Set("Content-Type", "text/plain; charset=utf-8")
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "the server of diagrams %s does not answer: %s", address.Host, cause(err))
	}
	defer func() { _ = answer.Body.Close() }()
	content, err := io.ReadAll(io.LimitReader(answer.Body, maxPicture+1))
	switch {
	case err != nil:
		return nil, fault.New(fault.Unavailable, "the answer of the server of diagrams %s breaks off: %s", address.Host, cause(err))
	case answer.StatusCode != http.StatusOK:
		return nil, fault.New(fault.Input, "the server of diagrams %s answers %s%s", address.Host, answer.Status, complaint(answer))
	case len(content) > maxPicture:
		return nil, fault.New(fault.Input, "the picture of the server of diagrams %s has more than %d MB", address.Host, maxPicture>>20)
	}
	return cleaned(content, answer.Header.Get("Content-Type"), address.Host)
}

// cause is an error without the address, which has the diagram in it.
func cause(err error) error {
	for {
		at, is := err.(*url.Error) //nolint:errorlint // the outermost one is removed, and the one in it
		if !is {
			return err
		}
		err = at.Err
	}
}

// complaint is what PlantUML says about a diagram with a mistake.
func complaint(answer *http.Response) string {
	said := answer.Header.Get("X-Plantuml-Diagram-Error")
	if said == "" {
		return ""
	}
	if line := answer.Header.Get("X-Plantuml-Diagram-Error-Line"); line != "" {
		said = "line " + line + ": " + said
	}
	const most = 200
	return ": " + strings.ToValidUTF8(said[:min(len(said), most)], "")
}

// cleaned accepts pictures and text. What a drawing could do besides being looked at is removed from it.
func cleaned(content []byte, contentType, host string) ([]byte, error) {
	trimmed := bytes.TrimLeft(bytes.TrimPrefix(content, []byte("\uFEFF")), " \t\r\n")
	kind, _, _ := mime.ParseMediaType(contentType)
	switch {
	case bytes.HasPrefix(content, []byte("\x89PNG\r\n\x1a\n")):
		return content, nil
	case bytes.HasPrefix(trimmed, []byte("<")):
		drawing, err := sanitize(trimmed)
		if err != nil {
			return nil, fault.Wrap(fault.Input, err, "the server of diagrams %s answers what is no drawing: %s", host, err)
		}
		return drawing, nil
	case kind == "text/plain" && utf8.Valid(content):
		return content, nil
	}
	return nil, fault.New(fault.Input, "the server of diagrams %s answers neither a picture nor text, but %q", host, kind)
}
