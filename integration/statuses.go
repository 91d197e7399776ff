package integration

import "context"

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
