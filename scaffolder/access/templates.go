package access

import (
	"context"
	"slices"

	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/scaffolder/template"
)

// TagFilter is a condition on the tags of a page or a step.
type TagFilter = func(template.Tags) bool

// TemplateRules are the permission rules of the resource type scaffolder-template: the pages and the steps of
// templates, given by the tags of their backstage:permissions.
var TemplateRules = policy.Rules[template.Tags, TagFilter]{
	ResourceType: policy.ScaffolderTemplate,
	ByName: map[string]policy.Rule[TagFilter]{
		"HAS_TAG": policy.NewRule("tag", func(p struct{ Tag string }) TagFilter {
			return func(tags template.Tags) bool { return slices.Contains(tags, p.Tag) }
		}),
	},
	All: func(filters []TagFilter) TagFilter {
		return func(tags template.Tags) bool {
			return !slices.ContainsFunc(filters, func(filter TagFilter) bool { return !filter(tags) })
		}
	},
	Any: func(filters []TagFilter) TagFilter {
		return func(tags template.Tags) bool {
			return slices.ContainsFunc(filters, func(filter TagFilter) bool { return filter(tags) })
		}
	},
	Not: func(filter TagFilter) TagFilter {
		return func(tags template.Tags) bool { return !filter(tags) }
	},
	Allows: func(filter TagFilter, tags template.Tags) bool { return filter(tags) },
}

// Pages decides which pages of a template a principal may see, by a decider. The filter is nil if all may be
// seen. If none may be seen, the error is a *policy.DeniedError that names the template.
func Pages(ctx context.Context, decider policy.Decider, principal identity.Principal, templateRef string) (TagFilter, error) {
	return visible(ctx, decider, principal, policy.ScaffolderTemplateRead, templateRef)
}

// Steps decides which steps of a template a principal may see. It answers as Pages does.
func Steps(ctx context.Context, decider policy.Decider, principal identity.Principal, templateRef string) (TagFilter, error) {
	return visible(ctx, decider, principal, policy.ScaffolderTemplateStepRead, templateRef)
}

// Visible returns a template as a run of a principal has it: without the pages and steps that the principal
// may not see. If no page or no step may be seen whatever its tags, the error is a *policy.DeniedError: a run
// without steps would look like a success.
func (r *Runs) Visible(ctx context.Context, principal identity.Principal, t *template.Template) (*template.Template, error) {
	if r == nil {
		return t, nil
	}
	page, err := Pages(ctx, r.decider, principal, t.Ref())
	if err != nil {
		return nil, err
	}
	step, err := Steps(ctx, r.decider, principal, t.Ref())
	if err != nil {
		return nil, err
	}
	return t.Only(page, step)
}

func visible(ctx context.Context, decider policy.Decider, principal identity.Principal, permission policy.Permission, templateRef string) (TagFilter, error) {
	granted, err := TemplateRules.Ask(ctx, decider, principal, permission)
	if err != nil {
		return nil, err
	}
	if granted.IsNothing() {
		return nil, granted.Refusal(templateRef)
	}
	filter, _ := granted.Filter()
	return filter, nil
}
