package integration

import (
	"net/url"
	"strings"

	"github.com/portico-dev/portico/fault"
)

// Repo is what a repoUrl names: host?owner=o&repo=r, as the RepoUrlPicker writes it. What the URL does not say is "".
type Repo struct {
	Host         string `json:"host"`
	Owner        string `json:"owner,omitempty"`
	Repo         string `json:"repo,omitempty"`
	Organization string `json:"organization,omitempty"`
	Workspace    string `json:"workspace,omitempty"`
	Project      string `json:"project,omitempty"`
}

// ParseRepoURL reads a repoUrl of a known host and checks that it says what the host's type needs. Errors are input
// faults.
func (s *Set) ParseRepoURL(repoURL string) (Repo, error) {
	parsed, err := parseWebURL("https://" + repoURL)
	if err != nil {
		return Repo{}, fault.New(fault.Input, "Invalid repo URL passed to publisher, got %s, %s", repoURL, err)
	}
	kind, found := s.TypeOf(parsed.Host)
	if !found {
		return Repo{}, fault.New(fault.Input,
			"No matching integration configuration for host %s, please check your integrations config", parsed.Host)
	}
	query := parsed.Query()
	for _, name := range requiredParameters(kind, query) {
		if query.Get(name) == "" {
			return Repo{}, fault.New(fault.Input, "Invalid repo URL passed to publisher: %s, missing %s", printRepoURL(parsed), name)
		}
	}
	value := func(name string) string { return strings.Trim(query.Get(name), "/") }
	repo := Repo{
		Host: parsed.Host, Owner: value("owner"), Repo: value("repo"),
		Organization: value("organization"), Workspace: value("workspace"), Project: value("project"),
	}
	if kind == TypeGitHub && (!isGitHubName(repo.Owner) || !isGitHubName(repo.Repo)) {
		return Repo{}, fault.New(fault.Input,
			"Invalid repo URL passed to publisher: %s, owner and repo may hold letters, digits and any of [-_.]", printRepoURL(parsed))
	}
	return repo, nil
}

func requiredParameters(kind string, query url.Values) []string {
	switch kind {
	case TypeBitbucketCloud:
		return []string{"workspace", "project", "repo"}
	case TypeBitbucketServer, TypeAzure:
		return []string{"project", "repo"}
	case TypeGitLab:
		if query.Get("project") != "" {
			return nil
		}
		return []string{"owner", "repo"}
	case TypeGitea, TypeGerrit:
		return []string{"repo"}
	default:
		return []string{"repo", "owner"}
	}
}

// printRepoURL writes the URL as JavaScript does, with a slash for the path.
func printRepoURL(parsed *url.URL) string {
	printed := *parsed
	if printed.Path == "" {
		printed.Path = "/"
	}
	return printed.String()
}
