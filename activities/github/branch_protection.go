package github

import (
	"context"
	_ "embed" // for the schema
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-github/v60/github"

	"github.com/portico-dev/portico/activities/internal/gitpush"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

//go:embed schema/branch-protection.input.json
var branchProtectionInputSchema []byte

// protectBranch is the action github:branch-protection:create.
type protectBranch struct{ options Options }

// Describe lists the action with Backstage's schema.
func (*protectBranch) Describe() action.Description {
	return action.Description{
		ID:          "github:branch-protection:create",
		Description: "Protects a branch of a GitHub repository.",
		Examples:    branchProtectionExamples,
		InputSchema: branchProtectionInputSchema,
		Undoes: "Removes the protection. A branch that was protected before gets its former rules again. Rules that somebody has changed since " +
			"are kept.",
		Needs: []string{"An entry of `integrations.github` for the host, whose token or App may administer the repository."},
	}
}

var branchProtectionExamples = []action.Example{
	{
		Description: "Protect the default branch: one review, and branches that are up to date",
		Example: `steps:
  - id: protect
    name: Protect the default branch
    action: github:branch-protection:create
    input:
      repoUrl: ${{ parameters.repoUrl }}
`,
	},
	{
		Description: "Protect a branch of releases, to which a team alone may push",
		Example: `steps:
  - id: protect
    name: Protect the releases
    action: github:branch-protection:create
    input:
      repoUrl: github.com?owner=acme&repo=shop
      branch: release
      requiredApprovingReviewCount: 2
      requireCodeOwnerReviews: true
      requiredStatusCheckContexts: [build, test]
      restrictions:
        users: []
        teams: [releasers]
`,
	},
}

// protectionKind is the kind of effect that the rules of a branch are.
const protectionKind = "github:branch-protection"

// protectionRecord is what the ledger keeps about the rules of a branch.
type protectionRecord struct {
	place

	Branch string          `json:"branch"`
	Before *protectedState `json:"before,omitempty"`
	// After are the rules that this run has set, the newest last: a corrected input sets others.
	After []protectedState `json:"after"`
}

func (r protectionRecord) wanted() protectedState { return r.After[len(r.After)-1] }

// has reports whether the run has set these rules. Signatures may be missing: they are set after the rules.
func (r protectionRecord) has(state protectedState) bool {
	return slices.ContainsFunc(r.After, func(set protectedState) bool {
		return state.equals(set) || !state.Signatures && state.hasRules(set)
	})
}

// protectedState is all that the action sets of a branch.
type protectedState struct {
	Rules      protection `json:"rules"`
	Signatures bool       `json:"signatures,omitempty"`
}

// equals compares two states. Nil and empty lists are the same, and the order of names does not matter.
func (s protectedState) equals(other protectedState) bool {
	mine, mineErr := json.Marshal(s.ordered())
	others, othersErr := json.Marshal(other.ordered())
	return mineErr == nil && othersErr == nil && string(mine) == string(others)
}

// hasRules is equals without the signatures.
func (s protectedState) hasRules(other protectedState) bool {
	other.Signatures = s.Signatures
	return s.equals(other)
}

func (s protectedState) ordered() protectedState {
	if s.Rules.StatusChecks != nil {
		s.Rules.StatusChecks = &statusChecks{Strict: s.Rules.StatusChecks.Strict, Contexts: sorted(s.Rules.StatusChecks.Contexts)}
	}
	if s.Rules.Reviews != nil {
		ordered := *s.Rules.Reviews
		ordered.BypassedByThemself = ordered.BypassedByThemself.ordered()
		s.Rules.Reviews = &ordered
	}
	if s.Rules.Restrictions != nil {
		s.Rules.Restrictions = s.Rules.Restrictions.ordered()
	}
	s.Rules.AllowForcePushes, s.Rules.AllowDeletions = new(isTrue(s.Rules.AllowForcePushes)), new(isTrue(s.Rules.AllowDeletions))
	return s
}

func isTrue(flag *bool) bool { return flag != nil && *flag }

func (a *actors) ordered() *actors {
	if a == nil {
		a = &actors{}
	}
	return &actors{Apps: sorted(a.Apps), Users: sorted(a.Users), Teams: sorted(a.Teams)}
}

func sorted(names []string) []string {
	lower := []string{}
	for _, name := range names {
		lower = append(lower, strings.ToLower(name))
	}
	slices.Sort(lower)
	return lower
}

// stateOf is what GitHub says of a branch in the form of a request.
func stateOf(found *github.Protection) protectedState {
	state := protectedState{Signatures: found.GetRequiredSignatures().GetEnabled(), Rules: protection{
		EnforceAdmins: found.GetEnforceAdmins() != nil && found.GetEnforceAdmins().Enabled, BlockCreations: found.GetBlockCreations().GetEnabled(),
		ConversationResolution: found.RequiredConversationResolution != nil && found.RequiredConversationResolution.Enabled,
		LinearHistory:          found.RequireLinearHistory != nil && found.RequireLinearHistory.Enabled,
	}}
	if found.AllowForcePushes != nil && found.AllowDeletions != nil {
		state.Rules.AllowForcePushes, state.Rules.AllowDeletions = &found.AllowForcePushes.Enabled, &found.AllowDeletions.Enabled
	}
	if checks := found.RequiredStatusChecks; checks != nil {
		state.Rules.StatusChecks = &statusChecks{Strict: checks.Strict, Contexts: []string{}}
		if checks.Contexts != nil {
			state.Rules.StatusChecks.Contexts = *checks.Contexts
		}
	}
	if given := found.RequiredPullRequestReviews; given != nil {
		state.Rules.Reviews = &reviews{Count: given.RequiredApprovingReviewCount, ByCodeOwners: given.RequireCodeOwnerReviews,
			DismissStale: given.DismissStaleReviews, ByAnotherThanLast: given.RequireLastPushApproval}
		if allowed := given.BypassPullRequestAllowances; allowed != nil {
			state.Rules.Reviews.BypassedByThemself = actorsOf(allowed.Users, allowed.Teams, allowed.Apps)
		}
	}
	if limits := found.Restrictions; limits != nil {
		state.Rules.Restrictions = actorsOf(limits.Users, limits.Teams, limits.Apps)
	}
	return state
}

func actorsOf(users []*github.User, teams []*github.Team, apps []*github.App) *actors {
	named := &actors{Apps: []string{}, Users: []string{}, Teams: []string{}}
	for _, user := range users {
		named.Users = append(named.Users, user.GetLogin())
	}
	for _, team := range teams {
		named.Teams = append(named.Teams, team.GetSlug())
	}
	for _, app := range apps {
		named.Apps = append(named.Apps, app.GetSlug())
	}
	return named
}

// protectionSpec describes the rules of a branch to package resource. Those from before the step are not found.
func (c *connection) protectionSpec(record protectionRecord) resource.Spec[protectedState] {
	return resource.Spec[protectedState]{
		Title: fmt.Sprintf("the protection of the branch %s of %s on %s", record.Branch, c.name(), c.target.Host),
		Find: func(ctx context.Context, _ action.Effect) (*resource.Found[protectedState], error) {
			state, err := c.readProtection(ctx, record.Branch)
			if err != nil || state == nil || record.Before != nil && state.equals(*record.Before) {
				return nil, err
			}
			return foundProtection(record, *state), nil
		},
		// Whether commits must be signed is set by another request, once the ledger has the rules.
		Create: func(ctx context.Context, _ action.Effect) (*resource.Found[protectedState], error) {
			err := c.putProtection(ctx, record.Branch, record.wanted().Rules)
			return foundProtection(record, protectedState{Rules: record.wanted().Rules}), err
		},
		Delete: func(ctx context.Context, state protectedState) error { return c.unprotect(ctx, record, state) },
		Hidden: c.hiddenWithin,
		Used: func(_ context.Context, _ action.Effect, state protectedState) (string, error) {
			if record.has(state) {
				return "", nil
			}
			return "its rules were changed since", nil
		},
	}
}

func foundProtection(record protectionRecord, state protectedState) *resource.Found[protectedState] {
	return &resource.Found[protectedState]{Thing: state, MadeFor: func(effect action.Effect) bool {
		other, err := recordOf[protectionRecord](effect)
		return err == nil && effect.Kind == protectionKind && other.place == record.place && other.Branch == record.Branch &&
			(isConfirmed(effect) || other.has(state))
	}}
}

// readProtection is nil for a branch that is not protected.
func (c *connection) readProtection(ctx context.Context, branch string) (*protectedState, error) {
	var found *github.Protection
	err := c.ask(ctx, "reading the protection of the branch "+branch+" of "+c.name(), func(ctx context.Context) (err error) {
		found, _, err = c.client.Repositories.GetBranchProtection(ctx, c.target.Owner, c.target.Repo, branch)
		if errors.Is(err, github.ErrBranchNotProtected) {
			found, err = nil, nil
		}
		return err
	})
	if isStatus(err, http.StatusNotFound) || err == nil && found == nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	state := stateOf(found)
	return &state, nil
}

// unprotect removes the rules, or sets those from before the step.
func (c *connection) unprotect(ctx context.Context, record protectionRecord, now protectedState) error {
	if err := c.restrict(ctx, mayAdminister); err != nil {
		return err
	}
	if record.Before == nil {
		return c.removeProtection(ctx, record.Branch)
	}
	if now.Signatures && !record.Before.Signatures {
		err := c.ask(ctx, "no longer requiring signatures on the branch "+record.Branch+" of "+c.name(), func(ctx context.Context) error {
			_, err := c.client.Repositories.OptionalSignaturesOnProtectedBranch(ctx, c.target.Owner, c.target.Repo, record.Branch)
			return err
		})
		if err != nil {
			return err
		}
	}
	return c.protect(ctx, record.Branch, record.Before.Rules, record.Before.Signatures)
}

func (c *connection) removeProtection(ctx context.Context, branch string) error {
	err := c.ask(ctx, "removing the protection of the branch "+branch+" of "+c.name(), func(ctx context.Context) error {
		_, err := c.client.Repositories.RemoveBranchProtection(ctx, c.target.Owner, c.target.Repo, branch)
		return err
	})
	if isStatus(err, http.StatusNotFound) {
		return resource.ErrNotExist
	}
	return err
}

// mayReadRules are the permissions to see the rules of a branch.
var mayReadRules = permissions{"metadata": "read", "administration": "read"}

// prepare reads the input and the repository.
func (b *protectBranch) prepare(ctx context.Context, call *action.Call, needed permissions) (*connection, protectionRecord, error) {
	input := struct {
		RepoURL       string `json:"repoUrl"`
		Branch        string `json:"branch"`
		EnforceAdmins bool   `json:"enforceAdmins"`
		Token         string `json:"token"`
		protectionInput
	}{EnforceAdmins: true, protectionInput: defaultProtection()}
	if err := call.Decode(&input); err != nil {
		return nil, protectionRecord{}, err
	}
	if input.Branch != "" {
		if err := gitpush.CheckBranch("branch", input.Branch); err != nil {
			return nil, protectionRecord{}, err
		}
	}
	c, err := b.options.beginWithin(ctx, input.RepoURL, input.Token, needed)
	if err != nil {
		return nil, protectionRecord{}, err
	}
	repository, err := c.existing(ctx)
	if err != nil {
		return nil, protectionRecord{}, err
	}
	record := protectionRecord{place: c.place(), Branch: input.Branch,
		After: []protectedState{{Rules: input.rules(input.EnforceAdmins), Signatures: input.RequiredCommitSigning}}}
	if record.Branch == "" {
		record.Branch = repository.GetDefaultBranch()
	}
	return c, record, nil
}

// existing reads the repository, which must exist.
func (c *connection) existing(ctx context.Context) (*github.Repository, error) {
	var repository *github.Repository
	err := c.ask(ctx, "looking for the repository "+c.name(), func(ctx context.Context) (err error) {
		repository, _, err = c.client.Repositories.Get(ctx, c.target.Owner, c.target.Repo)
		return err
	})
	return repository, err
}

func (r protectionRecord) intent(call *action.Call) action.Intent {
	name := fmt.Sprintf("%s/%s:%s", r.Owner, r.Repo, r.Branch)
	return action.Intent{Kind: protectionKind, Name: name, Data: r,
		Key: fmt.Sprintf("%s/%s/%s/%s/%s", call.StepID, call.Iteration, protectionKind, r.Host, name)}
}

// Run protects the branch. The rules that it has already are kept in the ledger for the undo.
func (b *protectBranch) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	c, record, err := b.prepare(ctx, call, mayAdminister)
	if err != nil {
		return nil, err
	}
	before, err := c.recall(ctx, call, &record)
	if err != nil {
		return nil, err
	}
	if record.Before != nil && record.Before.equals(record.wanted()) {
		call.Log.Info("The branch %s of %s has these rules already", record.Branch, c.name())
		return nil, nil
	}
	spec := c.protectionSpec(record)
	spec.Intent = record.intent(call)
	if isConfirmed(before) {
		spec.Find = func(ctx context.Context, _ action.Effect) (*resource.Found[protectedState], error) {
			state, err := c.readProtection(ctx, record.Branch)
			if err != nil || state == nil {
				return nil, err
			}
			return foundProtection(record, *state), nil
		}
	}
	state, _, err := resource.Ensure(ctx, call, spec)
	if err != nil {
		return nil, err
	}
	return nil, c.complete(ctx, record, state)
}

// recall adds to the record what the branch had before the run: from the ledger, or else from the branch. When
// an earlier attempt has set other rules, the ledger knows both before the branch has the new ones.
func (c *connection) recall(ctx context.Context, call *action.Call, record *protectionRecord) (action.Effect, error) {
	before, err := resource.Earlier(ctx, call, record.intent(call).Key)
	if err != nil {
		return before, err
	}
	if before.ID == "" {
		record.Before, err = c.readProtection(ctx, record.Branch)
		record.keepSignatures()
		return before, err
	}
	known, err := recordOf[protectionRecord](before)
	if err != nil {
		return before, err
	}
	record.Before = known.Before
	record.keepSignatures()
	if known.wanted().equals(record.wanted()) {
		record.After = known.After
		return before, nil
	}
	record.After = append(known.After, record.After...)
	if isConfirmed(before) {
		err = call.Ledger.Confirm(ctx, before.ID, action.Confirmation{Data: *record})
	} else {
		err = call.Ledger.Abandon(ctx, before.ID, "another attempt sets other rules")
	}
	if err != nil {
		return before, action.Transient(fmt.Errorf("effects ledger: the protection of %s: %w", record.Branch, err), 0)
	}
	return before, nil
}

// keepSignatures leaves it at signatures where the branch requires them: the action does not take that back.
func (r protectionRecord) keepSignatures() {
	if r.Before != nil && r.Before.Signatures {
		r.After[0].Signatures = true
	}
}

// complete sets what a branch has not yet of the wanted state: signatures, or rules that were corrected.
func (c *connection) complete(ctx context.Context, record protectionRecord, state protectedState) error {
	wanted := record.wanted()
	if !state.hasRules(wanted) {
		return c.protect(ctx, record.Branch, wanted.Rules, wanted.Signatures)
	}
	if !wanted.Signatures || state.Signatures {
		return nil
	}
	return c.requireSignatures(ctx, record.Branch)
}

// Plan says what Run would do.
func (b *protectBranch) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	c, record, err := b.prepare(ctx, call, mayReadRules)
	if err != nil {
		return action.Plan{}, err
	}
	before, err := c.readProtection(ctx, record.Branch)
	if err != nil {
		return action.Plan{}, err
	}
	planned := action.Plan{Summary: fmt.Sprintf("protect the branch %s of %s on %s", record.Branch, c.name(), c.target.Host)}
	if before == nil || !before.equals(record.wanted()) {
		intent := record.intent(call)
		planned.Creates = []action.PlannedEffect{{Kind: intent.Kind, Name: intent.Name}}
	}
	return planned, nil
}

// Undo removes the rules, or sets those from before the step.
func (b *protectBranch) Undo(ctx context.Context, call *action.UndoCall) error {
	record, err := recordOf[protectionRecord](call.Effect)
	if err != nil {
		return err
	}
	c, err := b.options.resume(ctx, call, record.place, mayReadRules)
	if err != nil {
		return err
	}
	return resource.Remove(ctx, call, c.protectionSpec(record))
}
