package integration

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/portico-dev/portico/fault"
)

// Repo is a parsed repoUrl: host?owner=o&repo=r, as the RepoUrlPicker writes it. Absent parts are "".
type Repo struct {
	Host         string `json:"host"`
	Owner        string `json:"owner,omitempty"`
	Repo         string `json:"repo,omitempty"`
	Organization string `json:"organization,omitempty"`
	Workspace    string `json:"workspace,omitempty"`
	Project      string `json:"project,omitempty"`
}

// Require returns an error for the first absent part among names, which are those of a repoUrl's parameters:
// "missing owner".
func (r Repo) Require(names ...Part) error {
	parts := map[Part]string{
		PartOwner: r.Owner, PartRepo: r.Repo, PartOrganization: r.Organization, PartWorkspace: r.Workspace, PartProject: r.Project,
	}
	for _, name := range names {
		if parts[name] == "" {
			return fmt.Errorf("missing %s", name)
		}
	}
	return nil
}

// RepoURLHost is the host of a repoUrl, configured or not, whose parts are not read. A scheme may precede it. Errors
// are input faults.
func RepoURLHost(repoURL string) (string, error) {
	parsed, err := ParseURL("https://" + strings.TrimPrefix(repoURL, "https://"))
	if err != nil {
		return "", fault.New(fault.Input, "Invalid repo URL passed to publisher, got %s, %s", repoURL, err)
	}
	return parsed.Host, nil
}

// ParseRepoURL parses a repoUrl of a configured host and checks that it has the parts that the host's type
// needs. Errors are input faults.
func (s *Set) ParseRepoURL(repoURL string) (Repo, error) {
	parsed, err := ParseURL("https://" + repoURL)
	if err != nil {
		return Repo{}, fault.New(fault.Input, "Invalid repo URL passed to publisher, got %s, %s", repoURL, err)
	}
	host, found := s.ByHost(parsed.Host)
	if !found {
		return Repo{}, unconfigured(parsed.Host)
	}
	query := parsed.Query()
	value := func(name string) string { return strings.Trim(query.Get(name), "/") }
	repo := Repo{
		Host: parsed.Host, Owner: value("owner"), Repo: value("repo"),
		Organization: value("organization"), Workspace: value("workspace"), Project: value("project"),
	}
	if err := host.CheckRepo(repo); err != nil {
		return Repo{}, fault.New(fault.Input, "Invalid repo URL passed to publisher: %s, %s", printRepoURL(parsed), err)
	}
	return repo, nil
}

// printRepoURL formats the URL as JavaScript does, with a slash for the path.
func printRepoURL(parsed *url.URL) string {
	printed := *parsed
	if printed.Path == "" {
		printed.Path = "/"
	}
	return printed.String()
}
