package integration

import (
	"context"
	"strings"
	"unicode/utf8"
)

// StatusHost is a Host that shows what others say about a commit, beside its pull requests. The repository has the parts that CheckRepo
// requires. Errors are like those of Set.ReadURL.
type StatusHost interface {
	Host
	// SetStatus says something about a commit, in place of what was said before under the same context.
	SetStatus(ctx context.Context, repo Repo, commit string, status CommitStatus) error
}

// CommitStatus is what is said about a commit.
type CommitStatus struct {
	// Context names who says it.
	Context string
	// Failed says that something is wrong.
	Failed bool
	// Description is a sentence, and URL a page with more.
	Description, URL string
}

// Short is the description, cut to a number of bytes.
func (s CommitStatus) Short(most int) string {
	description := s.Description
	for len(description) > most || !utf8.ValidString(description) {
		description = description[:min(len(description)-1, most)]
	}
	return strings.TrimSpace(description)
}
