package integration

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Types of source code hosts, in Backstage's names.
const (
	TypeGitHub          = "github"
	TypeGitLab          = "gitlab"
	TypeAzure           = "azure"
	TypeBitbucketCloud  = "bitbucketCloud"
	TypeBitbucketServer = "bitbucketServer"
	TypeGerrit          = "gerrit"
	TypeGitea           = "gitea"
)

const gitHubHost = "github.com"

// Config is what the configuration says under integrations.
type Config struct {
	// GitHub lists GitHub hosts. github.com is there even when it is not listed, without a token.
	GitHub []GitHub
	// Others lists the hosts of the other types. The public host of each type that has one is there even when it is not
	// listed.
	Others []Host
}

// Host is a source code host of any type, known by name only.
type Host struct{ Type, Host string }

// GitHub is one entry of integrations.github.
type GitHub struct {
	// Host is how the host stands in repository URLs, with its port where it has one. "" is github.com.
	Host string
	// APIBaseURL is where the REST API is (https://ghe.example.com/api/v3), RawBaseURL where raw files are. Both are
	// known for github.com; any other host needs one of them at least.
	APIBaseURL, RawBaseURL string
	// Apps give tokens where they are installed, the first that is.
	Apps []App
	// Token authenticates the requests for everybody else, "" for none.
	Token string
}

// String describes the integration without its secrets.
func (g GitHub) String() string {
	return fmt.Sprintf("github{host=%s,authed=%t}", g.Host, g.Token != "" || len(g.Apps) > 0)
}

// withDefaults fills in what is known of github.com and checks the rest.
func (g GitHub) withDefaults() (GitHub, error) {
	g.Token = strings.TrimSpace(g.Token)
	g.APIBaseURL = strings.TrimRight(g.APIBaseURL, "/")
	g.RawBaseURL = strings.TrimRight(g.RawBaseURL, "/")
	if g.Host == "" {
		g.Host = gitHubHost
	}
	if parsed, err := url.Parse("http://" + g.Host); err != nil || parsed.Host != g.Host {
		return g, fmt.Errorf("Invalid GitHub integration config, '%s' is not a valid host", g.Host) //nolint:staticcheck // Backstage's words
	}
	if g.Host == gitHubHost && g.APIBaseURL == "" {
		g.APIBaseURL = "https://api.github.com"
	}
	if g.Host == gitHubHost && g.RawBaseURL == "" {
		g.RawBaseURL = "https://raw.githubusercontent.com"
	}
	if g.APIBaseURL == "" && g.RawBaseURL == "" {
		return g, fmt.Errorf("GitHub integration '%s' must configure an explicit apiBaseUrl or rawBaseUrl", g.Host)
	}
	for _, base := range []string{g.APIBaseURL, g.RawBaseURL} {
		if _, err := parseWebURL(base); base != "" && err != nil {
			return g, fmt.Errorf("GitHub integration '%s': '%s' is not a URL", g.Host, base)
		}
	}
	if g.APIBaseURL == "" && len(g.Apps) > 0 {
		return g, fmt.Errorf("GitHub integration '%s': apps need an apiBaseUrl", g.Host)
	}
	return g, nil
}

// Options are what a Set needs beside the hosts.
type Options struct {
	// ReadingAllow is backend.reading.allow: what may be read beside the integrations' hosts. Nil allows nothing.
	ReadingAllow []AllowRule
	// Transport carries the requests; nil is a fresh one with sane timeouts.
	Transport http.RoundTripper
	// Limits bound what is read; what is zero has its default.
	Limits Limits
}

// Limits bound what one call may read.
type Limits struct {
	// FileBytes bounds one file, 10 MiB by default.
	FileBytes int64
	// TreeBytes and TreeFiles bound a repository's archive unpacked, 512 MiB and 50,000 by default.
	TreeBytes int64
	TreeFiles int
	// SearchFiles and SearchBytes bound what a glob may find, 1,000 files and 64 MiB by default.
	SearchFiles int
	SearchBytes int64
}

func (l Limits) withDefaults() Limits {
	return Limits{
		FileBytes:   cmp.Or(l.FileBytes, 10<<20),
		TreeBytes:   cmp.Or(l.TreeBytes, 512<<20),
		TreeFiles:   cmp.Or(l.TreeFiles, 50_000),
		SearchFiles: cmp.Or(l.SearchFiles, 1_000),
		SearchBytes: cmp.Or(l.SearchBytes, 64<<20),
	}
}
