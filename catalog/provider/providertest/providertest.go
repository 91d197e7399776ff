// Package providertest has the tests that every provider passes: what it reads is complete or an error, wherever a
// fault or a change comes. A provider's own tests describe the source; what its entities are is their matter. It is
// for tests only.
package providertest

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/integration"
)

// Fault handles a request in place of the source, whose handler is next.
type Fault func(w http.ResponseWriter, r *http.Request, next http.Handler)

// Source is a source of several pages that a test has for itself.
type Source struct {
	// New creates the provider, as another process would.
	New func() provider.Provider
	// Inject calls pick for every request from now on, to choose its fault; a nil fault leaves it to the source. It is
	// called with nil to end all faults.
	Inject func(pick func(*http.Request) Fault)
	// Faults are what a source can do that is no HTTP server, by names. Nil are the faults of HTTP servers.
	Faults map[string]Case
	// Refs are the entities that the source has.
	Refs []string
	// Pages is the least number of pages as which the provider reads it.
	Pages int
	// Remove removes an entity of the first page from the source.
	Remove func()
	// Add adds an entity to the source.
	Add func()
	// HasSecondaryLimits means that the host refuses requests with 403 to ask for a pause, as GitHub does.
	HasSecondaryLimits bool
	// Rename gives the organization, or whatever the source is called, another name. Nil where there is none.
	Rename func()
}

// Conform runs all tests. Start starts a new source.
func Conform(t *testing.T, start func(t *testing.T) Source) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, func(*testing.T) Source){
		"it reads everything":                                   testComplete,
		"a cursor is all that it needs":                         testCursors,
		"an unknown cursor is an error":                         testUnknownCursor,
		"a fault at any request is an error and nothing else":   testFaults,
		"it stops when its context ends":                        testContext,
		"nothing is missing when an entity goes between pages":  testRemoval,
		"nothing is missing when an entity comes between pages": testAddition,
		"a renamed source is an error":                          testRenaming,
		"what is stored is not read again":                      testReread,
		"a fault while little is read is an error":              testRereadFaults,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start)
		})
	}
}

// bound is the largest number of pages that a test reads.
const bound = 1000

// readAll reads all pages, each with a new provider. Between, when not nil, is called after each
// page.
func readAll(ctx context.Context, source Source, between func(page int)) (pages []provider.Page, cursors []string, err error) {
	cursor := ""
	for number := 1; number <= bound; number++ {
		cursors = append(cursors, cursor)
		page, err := source.New().ReadPage(ctx, cursor)
		if err != nil {
			return pages, cursors, err
		}
		pages = append(pages, page)
		if cursor = page.Next; cursor == "" {
			return pages, cursors, nil
		}
		if between != nil {
			between(number)
		}
	}
	return nil, nil, fmt.Errorf("there is a page behind page %d", bound)
}

// refsOf are the references of all entities of pages, each once.
func refsOf(pages []provider.Page) []string {
	refs := map[string]bool{}
	for _, page := range pages {
		for _, one := range page.Entities {
			refs[one.Ref().String()] = true
		}
	}
	return slices.Sorted(maps.Keys(refs))
}

func testComplete(t *testing.T, start func(*testing.T) Source) {
	t.Helper()
	source := start(t)
	var asked atomic.Int64
	source.Inject(func(*http.Request) Fault {
		asked.Add(1)
		return nil
	})
	pages, _, err := readAll(t.Context(), source, nil)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(pages), source.Pages)
	require.ElementsMatch(t, source.Refs, refsOf(pages))
	requests := 0
	for _, page := range pages {
		requests += page.Requests
		require.LessOrEqual(t, len(page.Next), provider.MaxCursor)
		targets := map[string]bool{}
		for _, one := range page.Entities {
			require.NoError(t, entity.Validate(one.Entity))
			located, err := entity.ParseLocationRef(one.Location.String())
			require.NoError(t, err, "%s has a location", one.Ref())
			targets[located.Target] = true
		}
		for _, file := range page.Files {
			isNote := provider.IsAbsentURL(file.URL) && len(file.Body) == 0
			require.True(t, targets[file.URL] || isNote, "%s is the file of an entity of its page", file.URL)
			require.NotEmpty(t, file.ETag, file.URL)
			require.NotNil(t, file.Body, file.URL)
		}
	}
	require.EqualValues(t, asked.Load(), requests, "all requests are counted")
}

func testCursors(t *testing.T, start func(*testing.T) Source) {
	t.Helper()
	source := start(t)
	same := source.New()
	pages, cursors, err := readAll(t.Context(), source, nil)
	require.NoError(t, err)
	for n, cursor := range slices.Backward(cursors) {
		again, err := same.ReadPage(t.Context(), cursor)
		require.NoError(t, err)
		require.Equal(t, pages[n], again, "page %d", n)
	}
}

func testUnknownCursor(t *testing.T, start func(*testing.T) Source) {
	t.Helper()
	source := start(t)
	for _, cursor := range []string{"{}", "[]", "x", strings.Repeat("a", provider.MaxCursor)} {
		page, err := source.New().ReadPage(t.Context(), cursor)
		require.Error(t, err)
		require.Zero(t, page)
		_, passes := integration.MayPass(err)
		require.False(t, passes, "it is unknown for ever")
	}
}

// Case is a fault, with what a sweep has to do then.
type Case struct {
	Fault Fault
	// Passes means that the page is read again, after the time between Least and Most.
	Passes      bool
	Least, Most time.Duration
	// secondary is a fault of hosts with secondary limits only.
	secondary bool
}

// faults are what an HTTP server can do.
var faults = map[string]Case{
	"too many requests": {answer(http.StatusTooManyRequests, `{"message": "slow down"}`, "Retry-After", "7"), true, 7 * time.Second, 7 * time.Second, false},
	"the limit is used up": {answer(http.StatusForbidden, `{"message": "API rate limit exceeded"}`,
		"X-RateLimit-Remaining", "0", "X-RateLimit-Reset", fmt.Sprint(time.Now().Add(30*time.Minute).Unix())), true, 25 * time.Minute, 30 * time.Minute, false},
	"a secondary limit that names a time": {answer(http.StatusForbidden,
		`{"message": "You have exceeded a secondary rate limit.", "documentation_url": "https://docs.github.com/rest#secondary-rate-limits"}`,
		"Retry-After", "90"), true, 90 * time.Second, 90 * time.Second, true},
	"a secondary limit":        {answer(http.StatusForbidden, `{"message": "You have exceeded a secondary rate limit. Please wait a few minutes."}`), true, time.Minute, time.Minute, true},
	"not authenticated":        {answer(http.StatusUnauthorized, `{"message": "Bad credentials"}`), false, 0, 0, false},
	"not permitted":            {answer(http.StatusForbidden, `{"message": "Forbidden"}`), false, 0, 0, false},
	"not found":                {answer(http.StatusNotFound, `{"message": "Not Found"}`), false, 0, 0, false},
	"an internal error":        {answer(http.StatusInternalServerError, `{"message": "Server Error"}`), true, 0, 0, false},
	"a bad gateway":            {answer(http.StatusBadGateway, `<html>Bad gateway</html>`), true, 0, 0, false},
	"unavailable":              {answer(http.StatusServiceUnavailable, ``), true, 0, 0, false},
	"a gateway's timeout":      {answer(http.StatusGatewayTimeout, ``), true, 0, 0, false},
	"no answer":                {func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }, true, 0, 0, false},
	"a truncated answer":       {truncate, true, 0, 0, false},
	"an empty answer":          {answer(http.StatusOK, ``), true, 0, 0, false},
	"a page of something else": {answer(http.StatusOK, `<html>Please sign in</html>`), true, 0, 0, false},
}

func answer(status int, body string, header ...string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "application/json")
		for n := 0; n < len(header); n += 2 {
			w.Header().Set(header[n], header[n+1])
		}
		w.WriteHeader(status)
		w.Write([]byte(body)) //nolint:errcheck // A test's caller may be gone.
	}
}

// truncate breaks off after half of the source's answer.
func truncate(w http.ResponseWriter, r *http.Request, next http.Handler) {
	whole := &recorder{header: http.Header{}, status: http.StatusOK}
	next.ServeHTTP(whole, r)
	maps.Copy(w.Header(), whole.header)
	w.Header().Set("Content-Length", fmt.Sprint(len(whole.body)))
	w.WriteHeader(whole.status)
	w.Write(whole.body[:len(whole.body)/2]) //nolint:errcheck // A test's caller may be gone.
	panic(http.ErrAbortHandler)
}

type recorder struct {
	header http.Header
	status int
	body   []byte
}

func (r *recorder) Header() http.Header    { return r.header }
func (r *recorder) WriteHeader(status int) { r.status = status }
func (r *recorder) Write(content []byte) (int, error) {
	r.body = append(r.body, content...)
	return len(content), nil
}

// testFaults injects each fault at each request of each page. The page is then an error, never a part of it, and is
// whole when the fault has passed.
func testFaults(t *testing.T, start func(*testing.T) Source) {
	t.Helper()
	described := start(t)
	cases := described.Faults
	if cases == nil {
		cases = faults
	}
	for name, test := range cases {
		if test.secondary && !described.HasSecondaryLimits {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := start(t)
			pages, cursors, err := readAll(t.Context(), source, nil)
			require.NoError(t, err)
			for n, cursor := range cursors {
				for request := range pages[n].Requests {
					var asked atomic.Int64
					source.Inject(func(*http.Request) Fault {
						if asked.Add(1) <= int64(request) {
							return nil
						}
						return test.Fault
					})
					page, err := source.New().ReadPage(t.Context(), cursor)
					require.Error(t, err, "request %d of page %d", request, n)
					require.Zero(t, page, "request %d of page %d", request, n)
					after, passes := integration.MayPass(err)
					require.Equal(t, test.Passes, passes, "request %d of page %d: %s", request, n, err)
					require.LessOrEqual(t, test.Least, after, err)
					require.GreaterOrEqual(t, test.Most, after, err)
				}
				source.Inject(nil)
				page, err := source.New().ReadPage(t.Context(), cursor)
				require.NoError(t, err)
				require.Equal(t, pages[n], page, "page %d", n)
			}
		})
	}
}

func testContext(t *testing.T, start func(*testing.T) Source) {
	t.Helper()
	source := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	source.Inject(func(*http.Request) Fault {
		return func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
			// A server notices that its caller is gone once it has read the request.
			io.Copy(io.Discard, r.Body) //nolint:errcheck // It breaks off when the caller is gone.
			cancel()
			<-r.Context().Done()
		}
	})
	page, err := source.New().ReadPage(ctx, "")
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, page)
}

// between reads a source with a change at each boundary of two pages in turn, and calls check with the result.
func between(t *testing.T, start func(*testing.T) Source, change func(Source), check func(t *testing.T, source Source, boundary int, pages []provider.Page, err error)) {
	t.Helper()
	count := start(t).Pages
	require.Greater(t, count, 1)
	for boundary := 1; boundary < count; boundary++ {
		t.Run(fmt.Sprint("after page ", boundary), func(t *testing.T) {
			t.Parallel()
			source := start(t)
			pages, _, err := readAll(t.Context(), source, func(page int) {
				if page == boundary {
					change(source)
				}
			})
			check(t, source, boundary, pages, err)
		})
	}
}

func testRemoval(t *testing.T, start func(*testing.T) Source) {
	t.Helper()
	between(t, start, func(source Source) { source.Remove() }, func(t *testing.T, source Source, _ int, pages []provider.Page, err error) {
		t.Helper()
		requireAll(t, source, pages, err)
	})
}

func testAddition(t *testing.T, start func(*testing.T) Source) {
	t.Helper()
	between(t, start, func(source Source) { source.Add() }, func(t *testing.T, source Source, _ int, pages []provider.Page, err error) {
		t.Helper()
		requireAll(t, source, pages, err)
	})
}

// requireAll requires that an answer without an error lacks nothing that the source has had all the time.
func requireAll(t *testing.T, source Source, pages []provider.Page, err error) {
	t.Helper()
	if err != nil {
		return // It changes nothing.
	}
	clean, _, err := readAll(t.Context(), source, nil)
	require.NoError(t, err)
	now, read := refsOf(clean), refsOf(pages)
	for _, ref := range source.Refs {
		if slices.Contains(now, ref) {
			require.Contains(t, read, ref)
		}
	}
}

func testRenaming(t *testing.T, start func(*testing.T) Source) {
	t.Helper()
	if start(t).Rename == nil {
		t.Skip("the source has no name that can change")
	}
	between(t, start, func(source Source) { source.Rename() }, func(t *testing.T, _ Source, boundary int, _ []provider.Page, err error) {
		t.Helper()
		require.Error(t, err, "after page %d", boundary)
		_, passes := integration.MayPass(err)
		require.False(t, passes, "it does not pass: %s", err)
	})
}

// rereader is a provider that need not read again what is stored. The test is skipped for others.
func rereader(t *testing.T, source Source) provider.Rereader {
	t.Helper()
	made := source.New()
	if of, is := made.(provider.Source); is {
		made = of.Provider
	}
	again, is := made.(provider.Rereader)
	if !is {
		t.Skip("the source is read whole each time")
	}
	return again
}

// stored is what a sweep has stored of the files of pages.
func stored(pages []provider.Page) (known provider.Known, etags map[string]string) {
	etags = map[string]string{}
	for _, page := range pages {
		for _, file := range page.Files {
			etags[file.URL] = file.ETag
		}
	}
	return func(_ context.Context, urls []string) (map[string]string, error) {
		found := map[string]string{}
		for _, url := range urls {
			if etag, is := etags[url]; is {
				found[url] = etag
			}
		}
		return found, nil
	}, etags
}

func testReread(t *testing.T, start func(*testing.T) Source) {
	t.Helper()
	source := start(t)
	again := rereader(t, source)
	pages, _, err := readAll(t.Context(), source, nil)
	require.NoError(t, err)
	known, etags := stored(pages)
	require.NotEmpty(t, etags)
	var reread []provider.Page
	for cursor := ""; len(reread) < bound; {
		page, err := again.Reread(t.Context(), cursor, known)
		require.NoError(t, err)
		reread = append(reread, page)
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	require.Equal(t, refsOf(pages), refsOf(reread))
	before, now := 0, 0
	for _, page := range pages {
		before += page.Requests
	}
	kept := map[string]string{}
	for _, page := range reread {
		now += page.Requests
		for _, file := range page.Files {
			require.Empty(t, file.Body, "%s was read again", file.URL)
			kept[file.URL] = file.ETag
		}
	}
	require.Equal(t, etags, kept, "what is left out of the files is forgotten")
	require.Less(t, now, before)

	_, err = again.Reread(t.Context(), "", func(context.Context, []string) (map[string]string, error) { return nil, io.ErrUnexpectedEOF })
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

// testRereadFaults injects each fault at each request of the first page when everything is known.
func testRereadFaults(t *testing.T, start func(*testing.T) Source) {
	t.Helper()
	source := start(t)
	again := rereader(t, source)
	pages, _, err := readAll(t.Context(), source, nil)
	require.NoError(t, err)
	known, _ := stored(pages)
	whole, err := again.Reread(t.Context(), "", known)
	require.NoError(t, err)
	cases := source.Faults
	if cases == nil {
		cases = faults
	}
	for name, test := range cases {
		if test.secondary && !source.HasSecondaryLimits {
			continue
		}
		for request := range whole.Requests {
			var asked atomic.Int64
			source.Inject(func(*http.Request) Fault {
				if asked.Add(1) <= int64(request) {
					return nil
				}
				return test.Fault
			})
			page, err := again.Reread(t.Context(), "", known)
			require.Error(t, err, "%s at request %d", name, request)
			require.Zero(t, page, "%s at request %d", name, request)
		}
	}
	source.Inject(nil)
}
