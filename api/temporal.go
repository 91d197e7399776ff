package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/policy"
)

// TemporalUIPath is where the Temporal Web UI is served, and must be its own public path.
const TemporalUIPath = "/api/temporal/ui"

const (
	// temporalConnects bounds each step of a connection to the Web UI, and temporalAnswers the wait for the beginning
	// of its answer. answerTimeout bounds the whole.
	temporalConnects = 10 * time.Second
	temporalAnswers  = 30 * time.Second
	// maxTemporalPage bounds an answer that is changed: the page and the settings.
	maxTemporalPage = 4 << 20

	contentPolicyHeader = "Content-Security-Policy"
)

// TemporalOptions configure the Temporal Web UI behind the sign-in. Every field is required.
type TemporalOptions struct {
	Log     *slog.Logger
	Decider policy.Decider
	// Upstream is the address of the Web UI. A user name and a password in it are sent to it.
	Upstream *url.URL
	// Namespace is the only namespace that is shown.
	Namespace string
	// BaseURL is Portico's address: the page may send requests to the part below TemporalUIPath only.
	BaseURL string
}

// NewTemporalPlugin serves the Temporal Web UI to those who may read it. It only reads: the browser's cookie
// authenticates its requests, so nothing but a GET is passed on.
func NewTemporalPlugin(options TemporalOptions) Plugin {
	t := &temporal{TemporalOptions: options}
	t.proxy = &httputil.ReverseProxy{Rewrite: t.rewrite,
		Transport: temporalTransport(temporalConnects, temporalAnswers),
		ErrorLog:  slog.NewLogLogger(options.Log.Handler(), slog.LevelWarn)}
	return plugin{id: "temporal", routes: []route{
		{method: http.MethodGet, path: "/ui/*path", access: userCookie, looseQuery: true,
			summary: "Serves Temporal's Web UI, without what changes something", serve: t.page(), fails: []fault.Kind{fault.NotFound, fault.BadGateway}},
	}}
}

// temporalTransport bounds each step of a connection, and the wait for the beginning of an answer.
func temporalTransport(connects, answers time.Duration) *http.Transport {
	return &http.Transport{DialContext: (&net.Dialer{Timeout: connects}).DialContext, TLSHandshakeTimeout: connects, ResponseHeaderTimeout: answers,
		MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute}
}

type temporal struct {
	TemporalOptions

	proxy *httputil.ReverseProxy
}

func (t *temporal) page() endpoint {
	return endpoint{answer: answer{status: http.StatusOK, description: "a page, or what it loads", content: anyContent}, piecemeal: true, handle: t.serve}
}

func (t *temporal) serve(c *call) error {
	ctx, done := context.WithTimeout(c.Request.Context(), answerTimeout)
	defer done()
	if err := policy.Require(ctx, t.Decider, c.principal, policy.TemporalRead, ""); err != nil {
		return err
	}
	if !t.isShown(c.Request.URL.Path) {
		return fault.New(fault.NotFound, "The Temporal Web UI shows the namespace '%s' only", t.Namespace)
	}
	var failed error
	proxy := *t.proxy
	proxy.ModifyResponse = func(response *http.Response) error {
		if err := t.change(response); err != nil {
			return err
		}
		if response.Header.Get(contentPolicyHeader) != "" {
			c.Writer.Header().Del(contentPolicyHeader) // the page's own replaces that of all responses
		}
		return nil
	}
	proxy.ErrorHandler = func(_ http.ResponseWriter, _ *http.Request, err error) { failed = err }
	proxy.ServeHTTP(c.Writer, c.Request.WithContext(ctx))
	if failed != nil {
		return fault.Wrap(fault.BadGateway, failed, "The Temporal Web UI cannot be reached now. Try again later")
	}
	return nil
}

// readable are the addresses of the Web UI's API that tell of no namespace.
var readable = []string{"settings", "cluster-info", "system-info"}

// isShown reports whether an address tells of the one namespace, or of none. All pages are the same page; what
// it shows is in the answers of the Web UI's API.
func (t *temporal) isShown(address string) bool {
	rest, below := strings.CutPrefix(address, TemporalUIPath)
	if !below || path.Clean(rest) != strings.TrimSuffix(rest, "/") && rest != "/" {
		return false
	}
	resource, isAPI := strings.CutPrefix(rest, "/api/")
	if !isAPI {
		return true
	}
	resource, current := strings.CutPrefix(resource, "v1/")
	if !current {
		return false
	}
	if slices.Contains(readable, resource) {
		return true
	}
	inside, isNamespaced := strings.CutPrefix(resource, "namespaces/")
	name, _, _ := strings.Cut(inside, "/")
	return isNamespaced && name == t.Namespace
}

// forwarded are the headers of a request that the Web UI gets. It gets no credentials of the visitor.
var forwarded = []string{"Accept", "Accept-Language", "If-Modified-Since", "If-None-Match", "Caller-Type"}

func (t *temporal) rewrite(r *httputil.ProxyRequest) {
	headers := http.Header{}
	for _, name := range forwarded {
		if values := r.In.Header.Values(name); len(values) > 0 {
			headers[name] = values
		}
	}
	headers.Set("Accept-Encoding", "identity")
	r.Out.Header = headers
	r.Out.URL.Scheme, r.Out.URL.Host = t.Upstream.Scheme, t.Upstream.Host
	r.Out.Host = t.Upstream.Host
	r.Out.Body, r.Out.ContentLength = http.NoBody, 0
	if password, is := t.Upstream.User.Password(); is {
		r.Out.SetBasicAuth(t.Upstream.User.Username(), password)
	}
}

// change sets the headers of an answer: the Web UI's cookies and policies are not for Portico's origin.
func (t *temporal) change(response *http.Response) error {
	kept := http.Header{}
	for _, name := range []string{"Content-Type", "Content-Length", "Etag", "Last-Modified"} {
		if values := response.Header.Values(name); len(values) > 0 {
			kept[name] = values
		}
	}
	kept.Set("Cache-Control", cachingOf(response))
	location := response.Header.Get("Location")
	response.Header = kept
	if location != "" {
		return t.redirect(response, location)
	}
	kind, _, _ := mime.ParseMediaType(kept.Get("Content-Type"))
	switch {
	case kind == "text/html":
		return replaceBody(response, func(body []byte) ([]byte, error) {
			kept.Set(contentPolicyHeader, t.contentPolicy(body))
			return body, nil
		})
	case strings.HasSuffix(response.Request.URL.Path, "/api/v1/settings"):
		return replaceBody(response, withoutWrites)
	}
	return nil
}

// cachingOf is the Cache-Control of an answer: what may be seen of the namespace ends with the permission. The Web
// UI's code says nothing about it, and has another address in each version.
func cachingOf(response *http.Response) string {
	if response.StatusCode == http.StatusOK && strings.HasPrefix(response.Request.URL.Path, TemporalUIPath+"/_app/immutable/") {
		return "private, max-age=31536000, immutable"
	}
	return "no-store"
}

// redirect keeps a redirect within the Web UI.
func (t *temporal) redirect(response *http.Response, location string) error {
	to, err := url.Parse(location)
	if err != nil || to.Host != "" || !strings.HasPrefix(to.Path, TemporalUIPath+"/") {
		return fmt.Errorf("the Web UI redirects to %q: it must have the public path %s", location, TemporalUIPath)
	}
	response.Header.Set("Location", location)
	return nil
}

// withoutWrites has the Web UI hide what changes something.
func withoutWrites(settings []byte) ([]byte, error) {
	var read map[string]json.RawMessage
	if err := json.Unmarshal(settings, &read); err != nil {
		return nil, fmt.Errorf("the Web UI's settings: %w", err)
	}
	read["DisableWriteActions"] = json.RawMessage("true")
	return json.Marshal(read)
}

// inlineScript is a script within a page.
var inlineScript = regexp.MustCompile(`(?s)<script[^>]*>(.*?)</script>`)

// contentPolicy lets the page run its own scripts, and send requests to the Web UI only: it has the origin of
// the portal, whose sessions it must not use.
func (t *temporal) contentPolicy(page []byte) string {
	base := t.BaseURL + TemporalUIPath + "/"
	scripts := []string{base}
	for _, found := range inlineScript.FindAllSubmatch(page, -1) {
		if sum := sha256.Sum256(found[1]); len(found[1]) > 0 {
			scripts = append(scripts, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
		}
	}
	return fmt.Sprintf("default-src 'none'; script-src %s; connect-src %[2]s; img-src %[2]s data:; font-src %[2]s data:; style-src %[2]s 'unsafe-inline'; "+
		"manifest-src %[2]s; worker-src %[2]s blob:; frame-src %[2]s; base-uri 'none'; form-action 'none'; frame-ancestors 'self'", strings.Join(scripts, " "), base)
}

func replaceBody(response *http.Response, change func([]byte) ([]byte, error)) error {
	body, err := io.ReadAll(io.LimitReader(response.Body, maxTemporalPage+1))
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return err
	}
	if len(body) > maxTemporalPage {
		return fmt.Errorf("an answer of the Web UI has more than %d bytes", maxTemporalPage)
	}
	if body, err = change(body); err != nil {
		return err
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	response.ContentLength = int64(len(body))
	response.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return nil
}
