// Package cases tests files of roles: it reads cases, each a user, a permission and what they expect, and
// compares them with the decisions. It needs no server and no database, so that whoever owns the files can
// test a change of them.
package cases

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/explain"
	"github.com/portico-dev/portico/policy/rbac"
	"github.com/portico-dev/portico/scaffolder/access"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/scaffolder/template"
)

// maxBytes bounds a file of cases.
const maxBytes = 8 << 20

// File is a file of cases.
type File struct {
	// Groups are the groups of each user, and the groups above each group.
	Groups map[string][]string `yaml:"groups"`
	// Resources are resources that cases name: entities as catalog files have them, runs ({createdBy}), executions
	// of actions ({action, input}), pages and steps of templates ({tags}), roles ({owner}).
	Resources map[string]map[string]any `yaml:"resources"`
	Cases     []Case                    `yaml:"cases"`

	// above has full references for Groups.
	above map[string][]string
}

// Case is one question with the expected decision.
type Case struct {
	// Name says what the case is about; "" is the question itself.
	Name       string `yaml:"name"`
	User       string `yaml:"user"`
	Permission string `yaml:"permission"`
	// Action and ResourceType are those of a permission that Portico does not know.
	Action       string              `yaml:"action"`
	ResourceType policy.ResourceType `yaml:"resourceType"`
	// Resource is the name of one of the file's resources.
	Resource string `yaml:"resource"`
	// Expect is allow, deny or conditional.
	Expect string `yaml:"expect"`

	line int
}

// UnmarshalYAML remembers the line of a case.
func (c *Case) UnmarshalYAML(node *yaml.Node) error {
	type plain Case // without this method
	if err := node.Decode((*plain)(c)); err != nil {
		return err
	}
	c.line = node.Line
	return nil
}

// expectations are the results by the words of a case.
var expectations = map[string]policy.Result{"allow": policy.Allowed, "deny": policy.Denied, "conditional": policy.Conditional}

// Read reads a file of cases. An error names the line.
func Read(name string) (*File, error) {
	opened, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	content, err := io.ReadAll(io.LimitReader(opened, maxBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	case len(content) > maxBytes:
		return nil, fmt.Errorf("%s: the file is larger than %d bytes", name, maxBytes)
	}
	var file File
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(file.Cases) == 0 {
		return nil, fmt.Errorf("%s: there are no cases in it", name)
	}
	if err := file.resolve(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &file, nil
}

// resolve completes all references, and checks the cases.
func (f *File) resolve() error {
	f.above = map[string][]string{}
	for name, above := range f.Groups {
		member, err := fullRef(name, "user")
		if err != nil {
			return fmt.Errorf("groups: %w", err)
		}
		for _, group := range above {
			if group, err = fullRef(group, "group"); err != nil {
				return fmt.Errorf("groups: %s: %w", name, err)
			}
			f.above[member] = append(f.above[member], group)
		}
	}
	for i, c := range f.Cases {
		err := f.check(c)
		if err == nil {
			f.Cases[i].User, err = fullRef(c.User, "user")
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", c.line, err)
		}
	}
	return nil
}

func (f *File) check(c Case) error {
	_, hasResource := f.Resources[c.Resource]
	switch {
	case c.User == "":
		return errors.New("a case needs a user")
	case c.Permission == "":
		return errors.New("a case needs a permission")
	case c.Resource != "" && !hasResource:
		return fmt.Errorf("the resource %s is not one of the file's resources", c.Resource)
	case expectations[c.Expect] == "":
		return fmt.Errorf("expect is %q, and must be allow, deny or conditional", c.Expect)
	}
	return nil
}

// Result is what came of a case.
type Result struct {
	Line   int    `json:"line"`
	Name   string `json:"name"`
	Passed bool   `json:"passed"`
	// Expected and Explanation are the expected decision and the one that was made.
	Expected    policy.Result       `json:"expected"`
	Explanation explain.Explanation `json:"explanation"`
}

// Run decides all cases with the roles of a configuration and its files. Problems are what is wrong with the
// files of roles; there are no results then. Of the options, those of rbac.Offline and of the Decider count.
func (f *File) Run(ctx context.Context, options rbac.Options, deciding rbac.DeciderOptions) (results []Result, problems []rbac.Problem, err error) {
	deciding.Log = slog.New(slog.DiscardHandler) // a failed decision is in its explanation
	deciding.GroupsOf, deciding.LinksOf = f.groupsOf, f.linksOf
	decider, problems, err := rbac.Offline(options, deciding)
	if err != nil || len(problems) > 0 {
		return nil, problems, err
	}
	for _, c := range f.Cases {
		result, err := f.run(ctx, decider, c)
		if err != nil {
			return nil, nil, fmt.Errorf("line %d: %w", c.line, err)
		}
		results = append(results, result)
	}
	return results, nil, nil
}

func (f *File) run(ctx context.Context, decider *rbac.Decider, c Case) (Result, error) {
	groups, err := f.groupsOf(ctx, c.User, rbac.MaxDepth, 0)
	if err != nil {
		return Result{}, err
	}
	question := explain.Question{Resource: c.Resource, Query: rbac.Query{Permission: c.Permission, Action: c.Action, ResourceType: c.ResourceType}}
	principal := identity.Principal{Kind: identity.KindUser, Subject: c.User, Ownership: append([]string{c.User}, groups...)}
	explained, err := explain.Principal(ctx, decider, principal, question, f.resource(c.Resource))
	if err != nil {
		return Result{}, err
	}
	result := Result{Line: c.line, Name: cmp.Or(c.Name, c.User+" "+c.Permission), Expected: expectations[c.Expect], Explanation: explained}
	result.Passed = result.Expected == explained.Result
	return result, nil
}

// groupsOf implements rbac.GroupsOf with the groups of the file.
func (f *File) groupsOf(_ context.Context, user string, levels, _ int) (found []string, err error) {
	next := f.above[user]
	for level := 0; level <= levels && len(next) > 0; level++ {
		var above []string
		for _, group := range next {
			if !slices.Contains(found, group) {
				found, above = append(found, group), append(above, f.above[group]...)
			}
		}
		next = above
	}
	return found, nil
}

// linksOf implements rbac.LinksOf with the groups of the file.
func (f *File) linksOf(_ context.Context, user string, groups []string) (links []rbac.Link, err error) {
	for _, member := range append([]string{user}, groups...) {
		for _, group := range f.above[member] {
			links = append(links, rbac.Link{Member: member, Group: group})
		}
	}
	return links, nil
}

func fullRef(text, kind string) (string, error) {
	ref, err := entity.ParseRef(text, entity.Ref{Kind: kind, Namespace: entity.DefaultNamespace})
	return ref.String(), err
}

// resource is how a resource of the file meets criteria; nil without a resource.
func (f *File) resource(name string) explain.Meets {
	if name == "" {
		return nil
	}
	return func(criteria policy.Criteria) (bool, error) {
		meets, err := meeting[resourceType(criteria)](criteria, f.Resources[name])
		if err != nil {
			return false, fmt.Errorf("the resource %s: %w", name, err)
		}
		return meets, nil
	}
}

// resourceType is the type of resources that criteria are about.
func resourceType(criteria policy.Criteria) policy.ResourceType {
	switch {
	case criteria.Not != nil:
		return resourceType(*criteria.Not)
	case len(criteria.AllOf) > 0:
		return resourceType(criteria.AllOf[0])
	case len(criteria.AnyOf) > 0:
		return resourceType(criteria.AnyOf[0])
	}
	return criteria.ResourceType
}

// meeting evaluates criteria on resources of each type on which conditions can be put.
var meeting = map[policy.ResourceType]func(criteria policy.Criteria, fields map[string]any) (bool, error){
	policy.CatalogEntity:      on(query.Rules, asEntity),
	policy.ScaffolderTask:     on(run.Rules, asRun),
	policy.ScaffolderAction:   on(access.ActionRules, asExecution),
	policy.ScaffolderTemplate: on(access.TemplateRules, asTags),
	policy.PolicyEntity:       on(rbac.Rules, asRole),
}

func on[R, F any](rules policy.Rules[R, F], describe func(fields map[string]any) (R, error)) func(policy.Criteria, map[string]any) (bool, error) {
	return func(criteria policy.Criteria, fields map[string]any) (bool, error) {
		resource, err := describe(fields)
		if err != nil {
			return false, err
		}
		filter, err := rules.Filter(criteria)
		return err == nil && rules.Allows(filter, resource), err
	}
}

// asEntity is an entity with its relations, as the catalog serves it.
func asEntity(fields map[string]any) (entity.Entity, error) {
	var described entity.Entity
	if err := decode(fields, &described); err != nil {
		return nil, err
	}
	if err := entity.Validate(described); err != nil {
		return nil, err
	}
	relations, err := entity.Relations(described)
	if err != nil {
		return nil, err
	}
	var shown []any
	for _, relation := range relations {
		if relation.SourceRef == described.Ref().String() {
			shown = append(shown, map[string]any{"type": relation.Type, "targetRef": relation.TargetRef})
		}
	}
	described["relations"] = shown
	return described, nil
}

func asRun(fields map[string]any) (run.Run, error) {
	var described struct{ CreatedBy string }
	err := decode(fields, &described)
	return run.Run{CreatedBy: described.CreatedBy}, err
}

// asExecution is an execution of an action with a rendered input.
func asExecution(fields map[string]any) (access.Execution, error) {
	var described struct {
		Action string
		Input  map[string]any
	}
	if err := decode(fields, &described); err != nil {
		return access.Execution{}, err
	}
	if described.Input == nil {
		described.Input = map[string]any{}
	}
	encoded, err := json.Marshal(described.Input)
	if err != nil {
		return access.Execution{}, fmt.Errorf("encode the input: %w", err)
	}
	input, err := nunjucks.DecodeJSON(encoded)
	return access.Execution{Action: described.Action, Input: input}, err
}

// asTags are the tags of a template's page or step.
func asTags(fields map[string]any) (template.Tags, error) {
	var described struct{ Tags template.Tags }
	err := decode(fields, &described)
	return described.Tags, err
}

func asRole(fields map[string]any) (rbac.Role, error) {
	var described struct{ Owner *string }
	err := decode(fields, &described)
	return rbac.Role{Metadata: rbac.Metadata{Owner: described.Owner}}, err
}

// decode converts fields by JSON, whose numbers entities have.
func decode(fields map[string]any, into any) error {
	text, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}
