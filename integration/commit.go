package integration

import (
	"net/url"
	"regexp"
	"strings"
)

// commitPages are the paths below a repository at which hosts show a commit, by type.
var commitPages = map[string]string{
	TypeGitHub: "commit", TypeGitLab: "-/commit", TypeGitea: "commit", TypeAzure: "commit", TypeBitbucketCloud: "commits", TypeBitbucketServer: "commits",
}

// scpAddress is how people write an address for SSH: git@github.com:acme/shop.git.
var scpAddress = regexp.MustCompile(`^(?:[^@/:]+@)?([^@/:]+):([^/].*)$`)

// CommitURL is the page of a commit, for the address from which Git clones its repository, over HTTP or SSH. Hosts that
// are not configured have none, and neither has what is no hash of a commit.
func (s *Set) CommitURL(remote, commit string) (string, bool) {
	host, parsed, found := s.hostOf(webAddress(remote))
	if !found || !isHash(commit) {
		return "", false
	}
	page, has := commitPages[host.Type()]
	place, err := host.Parse(parsed)
	if !has || err != nil || place.View != "" {
		return "", false
	}
	address := host.Address(Place{Repository: place.Repository}).JoinPath(page, commit)
	address.Scheme, address.Host = parsed.Scheme, parsed.Host
	return address.String(), true
}

// webAddress is the address of a repository's page, without credentials.
func webAddress(remote string) string {
	remote = strings.TrimSuffix(strings.TrimSuffix(remote, "/"), ".git")
	if parts := scpAddress.FindStringSubmatch(remote); parts != nil {
		return "https://" + parts[1] + "/" + parts[2]
	}
	parsed, err := url.Parse(remote)
	if err != nil {
		return ""
	}
	parsed.User = nil
	if parsed.Scheme == "ssh" {
		parsed.Scheme, parsed.Host = "https", parsed.Hostname()
	}
	return parsed.String()
}
