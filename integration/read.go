package integration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/portico-dev/portico/fault"
)

// Deadlines of one call, within whatever the caller's context leaves.
const (
	fileDeadline = time.Minute
	treeDeadline = 10 * time.Minute
)

// MaxRedirects bounds the requests of one read, including the redirected ones.
const MaxRedirects = 5

// ErrNotModified means that the content still has the ETag that the caller knows.
var ErrNotModified = errors.New("not modified")

// ReadOptions are the options of one read.
type ReadOptions struct {
	// ETag is the ETag of an earlier read: unchanged content is ErrNotModified. "" always reads.
	ETag string
	// Token replaces the integration's own; "" keeps it.
	Token string
	// Ref is a branch, a tag or a commit that is read in place of the URL's; "" is the URL's. Only trees are read so.
	Ref string
}

// Result is a file that was read. ETag is "" when the host returned none.
type Result struct {
	Body []byte
	ETag string
}

// ReadURL reads the file of a URL, on a host of an integration or one that backend.reading.allow allows. The
// error is a fault of kind NotFound, a fault of kind NotAllowed for a URL that may not be read,
// ErrNotModified, or a *ResponseError. A file over the limit is an error.
func (s *Set) ReadURL(ctx context.Context, rawURL string, options ReadOptions) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, fileDeadline)
	defer cancel()
	response, err := s.open(ctx, rawURL, options)
	if err != nil {
		return Result{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(http.MaxBytesReader(nil, response.Body, s.limits.FileBytes))
	if tooLarge, found := errors.AsType[*http.MaxBytesError](err); found {
		return Result{}, fault.New(fault.Input, "Unable to read %s, it is larger than %d bytes", rawURL, tooLarge.Limit)
	}
	if err != nil {
		return Result{}, fmt.Errorf("Unable to read %s, %w", rawURL, err) //nolint:staticcheck // Backstage's words
	}
	return Result{Body: body, ETag: response.Header.Get("ETag")}, nil
}

// parseReadable parses a URL that is to be read. It refuses a URL with credentials, which others would see in
// errors, in the catalog or in the log. Its own error does not show them: of a URL that cannot be parsed, it
// shows what follows the last @, which ends the credentials.
func parseReadable(rawURL string) (*url.URL, error) {
	parsed, err := ParseURL(rawURL)
	if err != nil {
		return nil, fault.New(fault.Input, "Unable to read %s, %s", rawURL[strings.LastIndex(rawURL, "@")+1:], err)
	}
	if parsed.User != nil {
		parsed.User = nil
		return nil, fault.New(fault.Input, "Unable to read %s, the URL includes credentials", parsed)
	}
	return parsed, nil
}

// open opens a URL; the caller closes the body.
func (s *Set) open(ctx context.Context, rawURL string, options ReadOptions) (*http.Response, error) {
	parsed, err := parseReadable(rawURL)
	if err != nil {
		return nil, err
	}
	if readable, is := s.byHost[parsed.Host].(Readable); is {
		return s.openFile(ctx, readable, parsed, options)
	}
	if !s.allows(parsed) {
		return nil, notAllowed(rawURL)
	}
	return s.openPlain(ctx, parsed, options)
}

func (s *Set) openPlain(ctx context.Context, target *url.URL, options ReadOptions) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", target, err)
	}
	if options.ETag != "" {
		request.Header.Set("If-None-Match", options.ETag)
	}
	if options.Token != "" {
		request.Header.Set("Authorization", "Bearer "+options.Token)
	}
	response, err := s.fetch.Do(request)
	if err != nil {
		return nil, RequestError(target.String(), err)
	}
	if response.StatusCode == http.StatusOK {
		return response, nil
	}
	response.Body.Close()
	return nil, AnswerError(response, "could not read "+target.String())
}

// openFile opens a file through its host's API.
func (s *Set) openFile(ctx context.Context, host Readable, target *url.URL, options ReadOptions) (*http.Response, error) {
	at, err := s.locate(host, target, options)
	if err != nil {
		return nil, err
	}
	response, err := at.repository.Open(ctx, at.Place, options.ETag)
	if _, isURL := errors.AsType[*URLError](err); isURL {
		return nil, incorrectURL(target, err)
	}
	if fault.KindOf(err) != fault.NotFound {
		return response, err
	}
	longer, refErr := at.findLongerRef(ctx)
	if refErr != nil {
		return nil, refErr
	}
	if !longer || at.Path == "" {
		return nil, err
	}
	return at.repository.Open(ctx, at.Place, options.ETag)
}

// locate parses a URL and connects to its repository.
func (s *Set) locate(host Readable, target *url.URL, options ReadOptions) (*position, error) {
	place, err := host.Parse(target)
	if err != nil {
		return nil, incorrectURL(target, err)
	}
	repository, err := host.Connect(place, options.Token)
	if err != nil {
		return nil, err
	}
	at := &position{Place: place, host: host, repository: repository}
	if options.Token == "" {
		at.cache = &s.refs // Answers to one user's token are not shared.
	}
	return at, nil
}

func incorrectURL(target *url.URL, err error) error {
	return fault.New(fault.Input, "Incorrect URL: %s, Error: %s", target, err)
}
