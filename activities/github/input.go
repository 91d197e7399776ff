package github

import (
	"cmp"
	"encoding/json"
	"os"
	"slices"
	"strings"

	"github.com/portico-dev/portico/activities/internal/gitpush"
	"github.com/portico-dev/portico/scaffolder/action"
)

// publishInput is the input of publish:github, and of github:repo:create and github:repo:push, which take a
// part of it each. The defaults are those of Backstage's handlers, set by decode; some in their schemas differ.
type publishInput struct {
	RepoURL string `json:"repoUrl"`
	Token   string `json:"token"`
	// Title has no effect; templates carry it.
	Title string `json:"title"`
	repositoryInput
	pushInput
}

// repositoryInput describes a new repository.
type repositoryInput struct {
	Description    string `json:"description"`
	Homepage       string `json:"homepage"`
	Access         string `json:"access"`
	RepoVisibility string `json:"repoVisibility"`
	AutoInit       bool   `json:"autoInit"`
	WorkflowAccess string `json:"workflowAccess"`

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
}

// pushInput describes the first commit of a branch, and the branch's protection.
type pushInput struct {
	DefaultBranch string `json:"defaultBranch"`
	SourcePath    string `json:"sourcePath"`

	GitCommitMessage string `json:"gitCommitMessage"`
	GitAuthorName    string `json:"gitAuthorName"`
	GitAuthorEmail   string `json:"gitAuthorEmail"`

	ProtectDefaultBranch bool `json:"protectDefaultBranch"`
	ProtectEnforceAdmins bool `json:"protectEnforceAdmins"`
	protectionInput
}

// protectionInput are the rules of a protected branch, without that for administrators, whose name differs from
// action to action.
type protectionInput struct {
	RequiredApprovingReviewCount   int      `json:"requiredApprovingReviewCount"`
	RequireCodeOwnerReviews        bool     `json:"requireCodeOwnerReviews"`
	DismissStaleReviews            bool     `json:"dismissStaleReviews"`
	RequiredStatusCheckContexts    []string `json:"requiredStatusCheckContexts"`
	RequireBranchesToBeUpToDate    bool     `json:"requireBranchesToBeUpToDate"`
	RequiredConversationResolution bool     `json:"requiredConversationResolution"`
	RequireLastPushApproval        bool     `json:"requireLastPushApproval"`
	RequiredCommitSigning          bool     `json:"requiredCommitSigning"`
	RequiredLinearHistory          bool     `json:"requiredLinearHistory"`
	BlockCreations                 bool     `json:"blockCreations"`
	BypassPullRequestAllowances    *actors  `json:"bypassPullRequestAllowances"`
	Restrictions                   *actors  `json:"restrictions"`
}

func defaultProtection() protectionInput {
	return protectionInput{RequiredApprovingReviewCount: 1, RequireBranchesToBeUpToDate: true}
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

// actors are the users, teams and apps that a branch rule exempts. Nil leaves a kind out of the request.
type actors struct {
	Apps  []string `json:"apps,omitzero"`
	Users []string `json:"users,omitzero"`
	Teams []string `json:"teams,omitzero"`
}

func (o Options) decode(call *action.Call) (publishInput, error) {
	input := publishInput{
		repositoryInput: repositoryInput{
			RepoVisibility: "private", AllowMergeCommit: true, AllowSquashMerge: true, AllowRebaseMerge: true, HasWiki: true, HasIssues: true,
			SquashMergeCommitTitle: "COMMIT_OR_PR_TITLE", SquashMergeCommitMessage: "COMMIT_MESSAGES",
		},
		pushInput: pushInput{DefaultBranch: "main", ProtectDefaultBranch: true, ProtectEnforceAdmins: true, protectionInput: defaultProtection()},
	}
	if err := call.Decode(&input); err != nil {
		return publishInput{}, err
	}
	if err := gitpush.CheckBranch("defaultBranch", input.DefaultBranch); err != nil {
		return publishInput{}, err
	}
	input.GitCommitMessage = cmp.Or(input.GitCommitMessage, o.CommitMessage, "initial commit")
	input.GitAuthorName = cmp.Or(input.GitAuthorName, o.Author.Name, "Scaffolder")
	input.GitAuthorEmail = cmp.Or(input.GitAuthorEmail, o.Author.Email, "scaffolder@backstage.io")
	return input, nil
}

// settingPermissions are the permissions that the settings of a new repository need.
func (i repositoryInput) settingPermissions() permissions {
	needed := permissions{"metadata": "read", "administration": "write"}
	for _, part := range []struct {
		isAsked     bool
		name, level string
	}{
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

// forPush adds the permissions that a push of the source needs.
func (p permissions) forPush(source *os.Root) permissions {
	needed := p.with("contents", "write")
	if _, noWorkflows := source.Stat(".github/workflows"); noWorkflows == nil {
		needed["workflows"] = "write"
	}
	return needed
}

// namesTeams says whether a team of the organization is given access.
func (i repositoryInput) namesTeams() bool {
	return strings.Contains(i.Access, "/") || slices.ContainsFunc(i.Collaborators, func(one collaborator) bool { return one.Team != "" })
}

// nameOf is the login or slug that an entity reference ends in; a plain name is itself.
func nameOf(reference string) string {
	return reference[strings.LastIndexAny(reference, ":/")+1:]
}
