package gitea

import (
	"github.com/portico-dev/portico/activities/internal/gitpush"
	"github.com/portico-dev/portico/scaffolder/action"
)

// publishInput is the input of publish:gitea, with the defaults of Backstage.
type publishInput struct {
	gitpush.Inputs

	RepoURL        string `json:"repoUrl"`
	Description    string `json:"description"`
	DefaultBranch  string `json:"defaultBranch"`
	RepoVisibility string `json:"repoVisibility"`
	SourcePath     string `json:"sourcePath"`
	SignCommit     bool   `json:"signCommit"`
}

func (p *publish) decode(call *action.Call) (publishInput, error) {
	input := publishInput{DefaultBranch: "main", RepoVisibility: "public"}
	if err := call.Decode(&input); err != nil {
		return publishInput{}, err
	}
	input.Inputs = input.Or(p.options.Author, p.options.CommitMessage, "initial commit")
	return input, gitpush.CheckPublish(input.DefaultBranch, input.SignCommit)
}
