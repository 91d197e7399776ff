package bitbucketcloud

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"

	"github.com/portico-dev/portico/integration/rest"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// branchRestriction is the action bitbucketCloud:branchRestriction:create.
type branchRestriction struct{ options Options }

// Describe lists the action with Backstage's schemas.
func (*branchRestriction) Describe() action.Description {
	return action.Description{
		ID:           "bitbucketCloud:branchRestriction:create",
		Description:  "Restricts what people may do with branches of a Bitbucket Cloud repository.",
		Examples:     branchRestrictionExamples,
		InputSchema:  schema("branch-restriction.input"),
		OutputSchema: schema("branch-restriction.output"),
		Undoes:       "Deletes the restriction, unless somebody has changed it since.",
		Needs:        needsAccount("It is an administrator of the repository."),
		Differences: []string{
			"A restriction that exists already is left untouched and fails the step.",
			"The output `json` has the members `data` and `status`. Backstage's also has headers and the address of the request.",
		},
	}
}

var branchRestrictionExamples = []action.Example{
	{
		Description: "Let nobody delete the branches of releases",
		Example: `steps:
  - id: restrict
    name: Protect the branches of releases
    action: bitbucketCloud:branchRestriction:create
    input:
      repoUrl: bitbucket.org?workspace=acme&project=WEB&repo=shop
      kind: delete
      branchMatchKind: branching_model
      branchType: release
`,
	},
	{
		Description: "Ask for two approvals before a merge into main",
		Example: `steps:
  - id: restrict
    name: Ask for approvals
    action: bitbucketCloud:branchRestriction:create
    input:
      repoUrl: ${{ parameters.repoUrl }}
      kind: require_approvals_to_merge
      branchMatchKind: glob
      pattern: main
      value: 2
`,
	},
}

// branchRestrictionInput is the input of bitbucketCloud:branchRestriction:create, with the defaults of Backstage.
type branchRestrictionInput struct {
	RepoURL         string       `json:"repoUrl"`
	Kind            string       `json:"kind"`
	BranchMatchKind string       `json:"branchMatchKind"`
	BranchType      string       `json:"branchType"`
	Pattern         string       `json:"pattern"`
	Value           *json.Number `json:"value"`
	Users           []member     `json:"users"`
	Groups          []member     `json:"groups"`
	Token           string       `json:"token"`
}

// member is a user or a group.
type member struct {
	UUID string `json:"uuid,omitempty"`
	Slug string `json:"slug,omitempty"`
	Type string `json:"type,omitempty"`
}

// restriction is a restriction as the API takes and returns it.
type restriction struct {
	ID              int          `json:"id,omitempty"`
	Type            string       `json:"type"`
	Kind            string       `json:"kind"`
	BranchMatchKind string       `json:"branch_match_kind"`
	BranchType      string       `json:"branch_type,omitempty"`
	Pattern         *string      `json:"pattern,omitempty"`
	Value           *json.Number `json:"value"`
	Users           []member     `json:"users"`
	Groups          []member     `json:"groups"`
}

// restriction is what the step asks for.
func (i branchRestrictionInput) restriction() restriction {
	one := restriction{
		Type: "branchrestriction", Kind: i.Kind, BranchMatchKind: i.BranchMatchKind, Value: i.Value,
		Users: typed(i.Users, "user"), Groups: typed(i.Groups, "group"),
	}
	if i.BranchMatchKind == "glob" {
		one.Pattern = &i.Pattern
	} else {
		one.BranchType = i.BranchType
	}
	if i.Kind == "push" {
		one.Value = nil
	}
	return one
}

func typed(members []member, kind string) []member {
	all := []member{}
	for _, one := range members {
		one.Type = kind
		all = append(all, one)
	}
	return all
}

// isSameRule reports whether two restrictions are about the same branches: Bitbucket allows one of each kind.
func (r restriction) isSameRule(other restriction) bool {
	return r.Kind == other.Kind && r.BranchMatchKind == other.BranchMatchKind && r.BranchType == other.BranchType && patternOf(r) == patternOf(other)
}

func patternOf(r restriction) string {
	if r.Pattern == nil {
		return ""
	}
	return *r.Pattern
}

// isEqual reports whether two restrictions of the same branches restrict the same.
func (r restriction) isEqual(other restriction) bool {
	return reflect.DeepEqual(r.Value, other.Value) && names(r.Users) == names(other.Users) && names(r.Groups) == names(other.Groups)
}

func names(members []member) string {
	var all []string
	for _, one := range members {
		all = append(all, one.UUID+one.Slug)
	}
	slices.Sort(all)
	return fmt.Sprint(all)
}

// restrictionKind is the kind of effect that a restriction is.
const restrictionKind = "bitbucketCloud:branchRestriction"

// restrictionRecord is what the ledger keeps about a restriction.
type restrictionRecord struct {
	place

	Restriction restriction `json:"restriction"`
	// Absent says that there was no such restriction when the intent was recorded.
	Absent bool `json:"absent"`
}

func (r restrictionRecord) name() string {
	return fmt.Sprintf("%s: %s %s%s", r.fullName(), r.Restriction.Kind, r.Restriction.BranchType, patternOf(r.Restriction))
}

// restrictions describes a restriction to package resource.
func (c *connection) restrictions(record restrictionRecord) resource.Spec[*restriction] {
	return resource.Spec[*restriction]{
		Title:  fmt.Sprintf("the branch restriction %s on %s", record.name(), c.Host),
		Intent: action.Intent{Kind: restrictionKind, Name: record.name(), Data: record},
		Find: func(ctx context.Context, _ action.Effect) (*resource.Found[*restriction], error) {
			one, err := c.findRestriction(ctx, record.Restriction)
			if err != nil || one == nil {
				return nil, err
			}
			return foundRestriction(one), nil
		},
		Create: func(ctx context.Context, _ action.Effect) (*resource.Found[*restriction], error) {
			one := &restriction{}
			err := c.Send(ctx, "creating the branch restriction "+record.name(), http.MethodPost, c.path(nil, "branch-restrictions"), record.Restriction, one)
			if rest.IsStatus(err, http.StatusConflict) {
				return nil, resource.Exists(err)
			}
			return foundRestriction(one), err
		},
		Delete: func(ctx context.Context, one *restriction) error {
			return c.Delete(ctx, "deleting the branch restriction "+record.name(), c.path(nil, "branch-restrictions", strconv.Itoa(one.ID)))
		},
		Hidden: c.hiddenBecause,
		Used: func(_ context.Context, _ action.Effect, one *restriction) (string, error) {
			if !one.isEqual(record.Restriction) {
				return "somebody has changed it", nil
			}
			return "", nil
		},
	}
}

// foundRestriction belongs to an effect whose record says that it was absent before: Bitbucket says neither who made a
// restriction nor when.
func foundRestriction(one *restriction) *resource.Found[*restriction] {
	return &resource.Found[*restriction]{
		Thing: one, ID: strconv.Itoa(one.ID),
		MadeFor: func(effect action.Effect) bool {
			record, err := resource.RecordOf[restrictionRecord](effect)
			return err == nil && record.Absent
		},
	}
}

// findRestriction finds the restriction of a kind for the same branches, nil when there is none.
func (c *connection) findRestriction(ctx context.Context, wanted restriction) (*restriction, error) {
	query := url.Values{"kind": {wanted.Kind}, "pagelen": {"100"}}
	if wanted.Pattern != nil {
		query.Set("pattern", *wanted.Pattern)
	}
	var found page[restriction]
	err := c.Send(ctx, "listing the branch restrictions of "+c.fullName(), http.MethodGet, c.path(query, "branch-restrictions"), nil, &found)
	if rest.IsStatus(err, http.StatusNotFound) {
		return nil, nil
	}
	at := slices.IndexFunc(found.Values, wanted.isSameRule)
	if err != nil || at < 0 {
		return nil, err
	}
	return &found.Values[at], nil
}

func (b *branchRestriction) prepare(ctx context.Context, call *action.Call) (*connection, restrictionRecord, error) {
	one := json.Number("1")
	input := branchRestrictionInput{BranchMatchKind: "branching_model", BranchType: "development", Value: &one}
	if err := call.Decode(&input); err != nil {
		return nil, restrictionRecord{}, err
	}
	c, _, err := b.options.connectTo(call, input.RepoURL, input.Token)
	if err != nil {
		return nil, restrictionRecord{}, err
	}
	record := restrictionRecord{place: c.place, Restriction: input.restriction()}
	there, err := c.findRestriction(ctx, record.Restriction)
	if err != nil {
		return nil, record, err
	}
	record.Absent = there == nil
	record, err = resource.Remembered(ctx, call, resource.KeyOf(call, restrictionKind, record.name()), record)
	return c, record, err
}

// Run creates the restriction.
func (b *branchRestriction) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	c, record, err := b.prepare(ctx, call)
	if err != nil {
		return nil, err
	}
	one, _, err := resource.Ensure(ctx, call, c.restrictions(record))
	if err != nil {
		return nil, err
	}
	answered, err := json.Marshal(map[string]any{"data": one, "status": http.StatusCreated})
	if err != nil {
		return nil, action.Final(err)
	}
	return action.Output{"json": string(answered), "statusCode": http.StatusCreated}, nil
}

// Plan says which restriction Run would create.
func (b *branchRestriction) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	c, record, err := b.prepare(ctx, call)
	if err != nil {
		return action.Plan{}, err
	}
	return resource.Plan(ctx, c.restrictions(record), "create the branch restriction "+record.name()+" on "+c.Host)
}

// Undo deletes the restriction, unless somebody has changed it since.
func (b *branchRestriction) Undo(ctx context.Context, call *action.UndoCall) error {
	connect := func(record restrictionRecord) (*connection, error) { return b.options.reconnect(record.place, call) }
	return resource.Undo(ctx, call, connect, (*connection).restrictions)
}
