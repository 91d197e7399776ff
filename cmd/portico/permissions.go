package main

import (
	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/authorize"
	"github.com/portico-dev/portico/policy/explain"
	"github.com/portico-dev/portico/policy/preview"
	"github.com/portico-dev/portico/policy/rbac"
	"github.com/portico-dev/portico/scaffolder/access"
)

// executable are the actions of this server that a decision allows to execute.
func (p *platform) executable(decision policy.Decision) (allowed []string, isKnown bool, err error) {
	var ids []string
	for _, described := range p.scaffolder.Actions() {
		ids = append(ids, described.ID)
	}
	return access.Executable(decision, ids)
}

// permissionPlugins serve /api/permission and explanations. Its part about roles is there only if the
// configuration has some.
func (p *platform) permissionPlugins() []api.Plugin {
	match := map[policy.ResourceType]authorize.Match{
		policy.CatalogEntity: p.catalog.MatchingEntities, policy.ScaffolderTask: p.scaffolder.MatchingRuns,
	}
	decides := authorize.Options{Decider: p.decider, Match: match}
	explains := explain.Options{Decider: p.decider, Match: match, MemberOf: directory{p}.MemberOf, LinksOf: rbac.CatalogLinks(p.pool)}
	if byRoles, is := p.decider.(*rbac.Decider); is {
		decides.Foreign, explains.Roles = byRoles.DecideQuery, byRoles
	}
	plugins := []api.Plugin{api.NewPermissionPlugin(authorize.New(decides)), api.NewExplainPlugin(explain.New(explains))}
	if p.roles == nil {
		return plugins
	}
	match[policy.PolicyEntity] = p.roles.MatchingRoles
	people := rbac.CatalogPeople(p.pool, rbac.PeopleLevels{Roles: p.config.Permission.RBAC.MaxDepth, Ownership: catalog.MaxGroupDepth, Owners: catalog.MaxGroups})
	previews := preview.New(preview.Options{Roles: p.roles, Decider: p.decider, People: people, Count: map[policy.ResourceType]preview.Count{
		policy.CatalogEntity: p.catalog.SampleEntities, policy.ScaffolderTask: p.scaffolder.SampleRuns,
	}, Cover: map[policy.ResourceType]preview.Cover{policy.ScaffolderAction: p.executable}})
	return append(plugins, api.NewRolesPlugin(p.roles), api.NewRoleEditorPlugin(p.roles), api.NewPreviewPlugin(previews))
}
