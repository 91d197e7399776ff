package main

import (
	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/authorize"
	"github.com/portico-dev/portico/policy/rbac"
)

// permissionPlugins serve /api/permission. Its part about roles is there only if the configuration has some.
func (p *platform) permissionPlugins() []api.Plugin {
	options := authorize.Options{Decider: p.decider, Match: map[policy.ResourceType]authorize.Match{
		policy.CatalogEntity: p.catalog.MatchingEntities, policy.ScaffolderTask: p.scaffolder.MatchingRuns,
	}}
	if byRoles, is := p.decider.(*rbac.Decider); is {
		options.Foreign = byRoles.DecideQuery
	}
	if p.roles == nil {
		return []api.Plugin{api.NewPermissionPlugin(authorize.New(options))}
	}
	options.Match[policy.PolicyEntity] = p.roles.MatchingRoles
	return []api.Plugin{api.NewPermissionPlugin(authorize.New(options)), api.NewRolesPlugin(p.roles)}
}
