package gitlab_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/gitlab"
	"github.com/portico-dev/portico/internal/testkit/hosttest"
)

func TestGitLabIsAHost(t *testing.T) {
	t.Parallel()
	hosttest.Run(t, hosttest.GitLab)
}

// TestRefsAreBounded: some of the branches would let another branch's file be read.
func TestRefsAreBounded(t *testing.T) {
	t.Parallel()
	server := hosttest.Start(t, hosttest.GitLab)
	server.Answer(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/branches") {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Link", `<`+server.URL+`/?page=2>; rel="next"`)
		hosttest.JSON(w, []map[string]string{{"name": "release/x"}})
	})
	_, err := server.Set(t, hosttest.Token, integration.Limits{}).ReadURL(t.Context(), server.At("release/v3", "catalog-info.yaml"), integration.ReadOptions{})
	require.Equal(t, fault.Input, fault.KindOf(err))
	require.EqualError(t, err, "acme/teams/shop has too many branches and tags that begin with release/. Escape the slashes of the name in the URL as %2F")
}

func TestParse(t *testing.T) {
	t.Parallel()
	host, err := gitlab.New(gitlab.Config{}, nil)
	require.NoError(t, err)
	for address, expected := range map[string]integration.Place{
		"/g/p":                               {Repository: "g/p"},
		"/g/s/t/p":                           {Repository: "g/s/t/p"},
		"/g/p.git":                           {Repository: "g/p"},
		"/12/34":                             {Repository: "12/34"},
		"/g/p/-/blob/main/a/b.yaml":          {Repository: "g/p", View: "blob", Ref: "main", Path: "a/b.yaml"},
		"/g/s/p/-/tree/main":                 {Repository: "g/s/p", View: "tree", Ref: "main"},
		"/g/p/-/raw/v1/a%20b.yaml":           {Repository: "g/p", View: "raw", Ref: "v1", Path: "a b.yaml"},
		"/g/p/-/edit/main/x.yaml":            {Repository: "g/p", View: "edit", Ref: "main", Path: "x.yaml"},
		"/g/p/-/blob/release%2Fv3/x.yaml":    {Repository: "g/p", View: "blob", Ref: "release/v3", Path: "x.yaml"},
		"/g/p/-/blob/main/x.yaml?ref_type=h": {Repository: "g/p", View: "blob", Ref: "main", Path: "x.yaml"},
		"/g/p/-/blob/main/-/blob/x.yaml":     {Repository: "g/p", View: "blob", Ref: "main", Path: "-/blob/x.yaml"},
		"/g/s/p/blob/main/x.yaml":            {Repository: "g/s/p", View: "blob", Ref: "main", Path: "x.yaml"},
		"/g/p/raw/main/blob/x.yaml":          {Repository: "g/p", View: "raw", Ref: "main", Path: "blob/x.yaml"},
	} {
		parsed, err := url.Parse("https://gitlab.com" + address)
		require.NoError(t, err)
		place, err := host.Parse(parsed)
		require.NoError(t, err, address)
		require.Equal(t, expected, place, address)
	}
	for _, address := range []string{
		"/", "/g", "/g/p/-/issues/1", "/g/p/-/blob", "/g/p/-/blob/", "/g/-/blob/main/x", "/g/../p", "/g/%2e%2e/p", "/g/a%2Fb/-/blob/main/x",
		"/g/p/-/blob/main/%2e%2e/x", "/g/p/-/blob/..%2F..%2Fx/y", "/g//p/-/blob/main/x", "/g/-p",
	} {
		parsed, err := url.Parse("https://gitlab.com" + address)
		require.NoError(t, err)
		_, err = host.Parse(parsed)
		require.Error(t, err, address)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	host, err := gitlab.New(gitlab.Config{Token: " secret "}, nil)
	require.NoError(t, err)
	require.Equal(t, "gitlab{host=gitlab.com,authed=true}", fmt.Sprint(host))
	for message, config := range map[string]gitlab.Config{
		"Invalid GitLab integration config, 'https://x' is not a valid host": {Host: "https://x"},
		"Invalid GitLab integration config, 'x' is not a valid baseUrl":      {Host: "x", BaseURL: "x", APIBaseURL: "https://x"},
		"Invalid GitLab integration config, 'y' is not a valid apiBaseUrl":   {Host: "x", APIBaseURL: "y"},
	} {
		_, err := gitlab.New(config, nil)
		require.EqualError(t, err, message)
	}
}
