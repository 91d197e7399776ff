package main

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/rbac"
	"github.com/portico-dev/portico/scaffolder/access"
	"github.com/portico-dev/portico/scaffolder/run"
)

// openPolicy sets the decider that makes all decisions, and the roles if the configuration has some.
func (p *platform) openPolicy(ctx context.Context, at place) error {
	p.decider = policy.AllowKnown{Administrators: at.command == "dev"} // whose one user is the developer
	configured := p.config.Permission
	switch {
	case configured.RBAC == nil && configured.Enabled:
		p.log.Warn("permission.enabled without permission.rbac: whoever is signed in may do everything, and every token what its accessRestrictions say")
		return nil
	case !configured.Enabled && configured.RBAC != nil:
		p.log.Warn("permission.rbac has no effect, because permission.enabled is off: whoever is signed in may do everything")
		return nil
	case configured.RBAC == nil:
		return nil
	}
	roles := configuredRoles(*configured.RBAC)
	if err := roles.Check(); err != nil {
		return err
	}
	if len(roles.Admins) == 0 && len(configured.RBAC.Admin.SuperUsers) == 0 {
		p.log.Warn("permission.rbac.admin is empty: nobody may change roles unless a role of a file permits it")
	}
	decider := p.newDecider(*configured.RBAC)
	p.decider = decider
	p.roles = rbac.New(rbac.Options{Log: p.log, Pool: p.pool, Notifications: p.direct, Decider: decider, Conditional: conditionalTypes(), Limits: roleLimits(configured.RBAC.Validation), Configured: roles, Files: rbac.Files{
		Policies: configured.RBAC.PoliciesFile, Conditions: configured.RBAC.ConditionsFile, Reload: configured.RBAC.FileReload,
		SkipInvalid: p.config.Portico.Policy.SkipInvalidLines,
	}})
	return p.roles.Load(ctx)
}

// conditionalTypes are the resource types on which conditions can be put.
func conditionalTypes() []rbac.Conditional {
	return []rbac.Conditional{
		{Plugin: "catalog", Rules: query.Rules}, {Plugin: "scaffolder", Rules: run.Rules}, {Plugin: "scaffolder", Rules: access.ActionRules},
		{Plugin: "scaffolder", Rules: access.TemplateRules}, {Plugin: "permission", Rules: rbac.Rules},
	}
}

func (p *platform) newDecider(configured config.RBAC) *rbac.Decider {
	options := deciderOptions(configured)
	options.Log, options.GroupsOf, options.LinksOf = p.log, rbac.CatalogGroups(p.pool), rbac.CatalogLinks(p.pool)
	return rbac.NewDecider(options)
}

// deciderOptions are the options of a configuration.
func deciderOptions(configured config.RBAC) rbac.DeciderOptions {
	return rbac.DeciderOptions{Depth: configured.MaxDepth, SuperUsers: references(configured.Admin.SuperUsers),
		PoliciesFirst: configured.Precedence == config.PrecedenceBasic, ByOwnership: configured.UseOwnershipEntityRefs}
}

// configuredRoles are the roles and plugins of the configuration.
func configuredRoles(configured config.RBAC) rbac.Configured {
	roles := rbac.Configured{Admins: references(configured.Admin.Users), Plugins: configured.Plugins}
	if configured.Default == nil {
		return roles
	}
	roles.DefaultRole = configured.Default.Role
	for _, each := range configured.Default.Permissions {
		roles.DefaultPolicies = append(roles.DefaultPolicies, rbac.Policy{Role: roles.DefaultRole, Permission: each.Permission, Action: each.Action, Effect: rbac.Allow})
	}
	return roles
}

// references are references as the catalog has them, each once.
func references(names []config.EntityName) []string {
	refs := each(names, func(entry config.EntityName) string { return strings.ToLower(entry.Name) })
	slices.Sort(refs)
	return slices.Compact(refs)
}

func roleLimits(configured config.RBACValidation) rbac.Limits {
	return rbac.Limits{Depth: configured.Conditions.Depth, Nodes: configured.Conditions.Nodes, Items: configured.Conditions.Items,
		FileBytes: configured.ConditionsFile.Bytes, Documents: configured.ConditionsFile.Documents}
}

// followRoles loads the roles when another process has changed them, until the context ends.
func (p *platform) followRoles(ctx context.Context) error {
	if p.roles == nil {
		<-ctx.Done()
		return nil
	}
	return p.roles.Follow(ctx)
}

// roleProblems are the first problems of the files with roles, without the directories that the files are in.
func (p *platform) roleProblems() []string {
	if p.roles == nil {
		return nil
	}
	problems := p.roles.Problems()
	return each(problems[:min(len(problems), shownProblems)], func(problem rbac.Problem) string {
		problem.File = filepath.Base(problem.File)
		return problem.String()
	})
}

// shownProblems bounds the problems in the response of a probe; the log has more.
const shownProblems = 3
