package github

import (
	"cmp"
	"encoding/json"
	"os"
	"slices"
	"strings"

	"github.com/portico-dev/portico/scaffolder/action"
)

// publishInput is the input of publish:github. The defaults are those of Backstage's handler, set by decode;
// some in its schema differ.
type publishInput struct {
	RepoURL        string `json:"repoUrl"`
	Description    string `json:"description"`
	Homepage       string `json:"homepage"`
	Access         string `json:"access"`
	RepoVisibility string `json:"repoVisibility"`
	DefaultBranch  string `json:"defaultBranch"`
	SourcePath     string `json:"sourcePath"`
	Token          string `json:"token"`

	GitCommitMessage string `json:"gitCommitMessage"`
	GitAuthorName    string `json:"gitAuthorName"`
	GitAuthorEmail   string `json:"gitAuthorEmail"`

	DeleteBranchOnMerge      bool   `json:"deleteBranchOnMerge"`
	AllowMergeCommit         bool   `json:"allowMergeCommit"`
	AllowSquashMerge         bool   `json:"allowSquashMerge"`
	AllowRebaseMerge         bool   `json:"allowRebaseMerge"`
	AllowAutoMerge           bool   `json:"allowAutoMerge"`
	AllowUpdateBranch        bool   `json:"allowUpdateBranch"`
	SquashMergeCommitTitle   string `json:"squashMergeCommitTitle"`
	SquashMergeCommitMessage string `json:"squashMergeCommitMessage"`
	// HasProjects is left to the organization's policy when it is not set.
	HasProjects *bool `json:"hasProjects"`
	HasWiki     bool  `json:"hasWiki"`
	HasIssues   bool  `json:"hasIssues"`
	Subscribe   bool  `json:"subscribe"`

	Topics            []string                   `json:"topics"`
	Collaborators     []collaborator             `json:"collaborators"`
	RepoVariables     map[string]string          `json:"repoVariables"`
	Secrets           map[string]string          `json:"secrets"`
	CustomProperties  map[string]json.RawMessage `json:"customProperties"`
	OIDCCustomization *oidcCustomization         `json:"oidcCustomization"`

	ProtectDefaultBranch           bool     `json:"protectDefaultBranch"`
	ProtectEnforceAdmins           bool     `json:"protectEnforceAdmins"`
	RequiredApprovingReviewCount   int      `json:"requiredApprovingReviewCount"`
	RequireCodeOwnerReviews        bool     `json:"requireCodeOwnerReviews"`
	DismissStaleReviews            bool     `json:"dismissStaleReviews"`
	RequiredStatusCheckContexts    []string `json:"requiredStatusCheckContexts"`
	RequireBranchesToBeUpToDate    bool     `json:"requireBranchesToBeUpToDate"`
	RequiredConversationResolution bool     `json:"requiredConversationResolution"`
	RequireLastPushApproval        bool     `json:"requireLastPushApproval"`
	RequiredCommitSigning          bool     `json:"requiredCommitSigning"`
	RequiredLinearHistory          bool     `json:"requiredLinearHistory"`
	BypassPullRequestAllowances    *actors  `json:"bypassPullRequestAllowances"`
	Restrictions                   *actors  `json:"restrictions"`
}

// collaborator is a user or a team, by login, slug or entity reference, and what it may do.
type collaborator struct {
	Access string `json:"access"`
	User   string `json:"user"`
	Team   string `json:"team"`
}

type oidcCustomization struct {
	UseDefault       bool     `json:"useDefault"`
	IncludeClaimKeys []string `json:"includeClaimKeys"`
}

// UnmarshalJSON fills in that the default template is used unless the input says otherwise.
func (o *oidcCustomization) UnmarshalJSON(encoded []byte) error {
	type plain oidcCustomization
	decoded := plain{UseDefault: true}
	if err := json.Unmarshal(encoded, &decoded); err != nil {
		return err
	}
	*o = oidcCustomization(decoded)
	return nil
}

// actors are the users, teams and apps that a branch rule exempts.
type actors struct {
	Apps  []string `json:"apps"`
	Users []string `json:"users"`
	Teams []string `json:"teams"`
}

func (p *publish) decode(call *action.Call) (publishInput, error) {
	input := publishInput{
		RepoVisibility: "private", DefaultBranch: "main", ProtectDefaultBranch: true, ProtectEnforceAdmins: true,
		RequiredApprovingReviewCount: 1, RequireBranchesToBeUpToDate: true,
		AllowMergeCommit: true, AllowSquashMerge: true, AllowRebaseMerge: true, HasWiki: true, HasIssues: true,
		SquashMergeCommitTitle: "COMMIT_OR_PR_TITLE", SquashMergeCommitMessage: "COMMIT_MESSAGES",
	}
	if err := call.Decode(&input); err != nil {
		return publishInput{}, err
	}
	if !isBranchName(input.DefaultBranch) {
		return publishInput{}, action.InputError("defaultBranch %q is not a name that Git takes for a branch", input.DefaultBranch)
	}
	input.GitCommitMessage = cmp.Or(input.GitCommitMessage, p.options.CommitMessage, "initial commit")
	input.GitAuthorName = cmp.Or(input.GitAuthorName, p.options.Author.Name, "Scaffolder")
	input.GitAuthorEmail = cmp.Or(input.GitAuthorEmail, p.options.Author.Email, "scaffolder@backstage.io")
	return input, nil
}

// permissions are the permissions that publishing needs once the repository exists.
func (i publishInput) permissions(source *os.Root) permissions {
	needed := permissions{"metadata": "read", "administration": "write", "contents": "write"}
	_, noWorkflows := source.Stat(".github/workflows")
	for _, part := range []struct {
		isAsked     bool
		name, level string
	}{
		{noWorkflows == nil, "workflows", "write"},
		{i.namesTeams(), "members", "read"},
		{len(i.RepoVariables) > 0, "actions_variables", "write"},
		{len(i.Secrets) > 0, "secrets", "write"},
		{i.OIDCCustomization != nil, "actions", "write"},
		{len(i.CustomProperties) > 0, "repository_custom_properties", "write"},
	} {
		if part.isAsked {
			needed[part.name] = part.level
		}
	}
	return needed
}

// namesTeams says whether a team of the organization is given access.
func (i publishInput) namesTeams() bool {
	return strings.Contains(i.Access, "/") || slices.ContainsFunc(i.Collaborators, func(one collaborator) bool { return one.Team != "" })
}

// isBranchName follows git-check-ref-format(1).
func isBranchName(name string) bool {
	if name == "" || name == "@" || strings.HasPrefix(name, "-") || strings.HasSuffix(name, ".") ||
		strings.Contains(name, "..") || strings.Contains(name, "@{") || strings.ContainsAny(name, " ~^:?*[\\\x7f") {
		return false
	}
	for _, character := range name {
		if character < ' ' {
			return false
		}
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	return true
}

// nameOf is the login or slug that an entity reference ends in; a plain name is itself.
func nameOf(reference string) string {
	return reference[strings.LastIndexAny(reference, ":/")+1:]
}
