package gitpush

import (
	"cmp"

	"github.com/portico-dev/portico/scaffolder/action"
)

// Inputs are the inputs of an action that say what a commit is like.
type Inputs struct {
	GitCommitMessage string `json:"gitCommitMessage"`
	GitAuthorName    string `json:"gitAuthorName"`
	GitAuthorEmail   string `json:"gitAuthorEmail"`
}

// Or fills the inputs that a step does not have: with the configured author and message, then with Backstage's author
// and the fallback.
func (i Inputs) Or(author Author, message, fallback string) Inputs {
	author = i.Author().Or(author)
	return Inputs{GitCommitMessage: cmp.Or(i.GitCommitMessage, message, fallback), GitAuthorName: author.Name, GitAuthorEmail: author.Email}
}

// Or fills the parts that are empty with the configured author's, else with those of Backstage's author.
func (a Author) Or(configured Author) Author {
	return Author{
		Name: cmp.Or(a.Name, configured.Name, "Scaffolder"), Email: cmp.Or(a.Email, configured.Email, "scaffolder@backstage.io"),
	}
}

// Author is who the commit is by.
func (i Inputs) Author() Author { return Author{Name: i.GitAuthorName, Email: i.GitAuthorEmail} }

// Commit is the first commit for an effect.
func (i Inputs) Commit(effect action.Effect) Commit {
	return Commit{Author: i.Author(), Message: i.GitCommitMessage, When: CommittedAt(effect)}
}

// CheckPublish refuses a default branch whose name Git does not take, and to sign commits. Errors are InputErrors.
func CheckPublish(defaultBranch string, signCommit bool) error {
	if err := CheckBranch("defaultBranch", defaultBranch); err != nil {
		return err
	}
	if signCommit {
		return action.InputError("Signing commits is enabled but no signing key is provided in the configuration")
	}
	return nil
}
